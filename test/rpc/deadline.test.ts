import { create, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ExecuteRequestSchema } from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { Refusal } from "../../src/domain/refusal.ts";
import type { Call } from "../../src/rpc/call.ts";
import { askGrpc, askHttp, EXECUTE, frame } from "./raw-client.ts";
import { echo, type ScratchSidecar, startScratchSidecar } from "./scratch-sidecar.ts";

const request = toBinary(
  ExecuteRequestSchema,
  create(ExecuteRequestSchema, {
    chain: { value: { case: "id", value: "0190b5a8-0000-7000-8000-000000000000" } },
  }),
);
const PROTO = { "content-type": "application/proto" };
const LATE = { code: "DEADLINE_EXCEEDED", reason: "DEADLINE_EXCEEDED" };

let sidecar: ScratchSidecar;
beforeAll(async () => {
  sidecar = await startScratchSidecar();
});
afterAll(() => sidecar.stop());

const doors: [string, (timeoutMs?: number) => ReturnType<typeof askGrpc>][] = [
  [
    "gRPC",
    (timeoutMs) =>
      askGrpc(sidecar.grpcAddress, frame(request), timeoutMs ? { "grpc-timeout": `${timeoutMs}m` } : {}),
  ],
  [
    "Connect",
    (timeoutMs) =>
      askHttp(
        sidecar.httpUrl,
        request,
        timeoutMs ? { ...PROTO, "connect-timeout-ms": String(timeoutMs) } : PROTO,
      ),
  ],
];

describe.each(doors)("%s", (_, ask) => {
  test("a handler knows its caller's deadline", async () => {
    let left: number | undefined;
    sidecar.behaviour.execute = async (_request, call) => {
      left = (call.deadlineMs ?? Number.NaN) - performance.now();
      return {};
    };
    await ask(5000);
    expect(left).toBeGreaterThan(4000);
    expect(left).toBeLessThanOrEqual(5001);
  });

  test("without a deadline there is none", async () => {
    let seen: Call | undefined;
    sidecar.behaviour.execute = async (_request, call) => {
      seen = call;
      return {};
    };
    await ask();
    expect(seen?.deadlineMs).toBeUndefined();
    expect(seen?.signal.aborted).toBe(false);
  });

  test("a handler that ignores its signal does not hold the answer", async () => {
    let seen: Call | undefined;
    sidecar.behaviour.execute = (_request, call) => {
      seen = call;
      return new Promise(() => {});
    };
    expect(await ask(50)).toMatchObject(LATE);
    expect(seen?.signal.aborted).toBe(true);
    expect(seen?.signal.reason).toMatchObject({ reason: "DEADLINE_EXCEEDED" });
  });

  test("what a handler throws after the deadline does not replace the answer", async () => {
    sidecar.behaviour.execute = (_request, call) =>
      new Promise((_, reject) => {
        call.signal.addEventListener("abort", () => reject(new Error("too late")));
      });
    expect(await ask(50)).toMatchObject(LATE);
  });

  test("the gate comes first", async () => {
    sidecar.behaviour.execute = echo;
    sidecar.behaviour.gate = () => new Refusal("NOT_READY", "starting");
    try {
      expect(await ask()).toMatchObject({ code: "UNAVAILABLE", reason: "NOT_READY" });
    } finally {
      sidecar.behaviour.gate = () => undefined;
    }
  });
});

describe("a caller that goes away ends the call's signal", () => {
  /** Resolves with the reason of the next call's signal. */
  function nextAbort(started: () => void): Promise<unknown> {
    return new Promise((resolve) => {
      sidecar.behaviour.execute = (_request, call) => {
        call.signal.addEventListener("abort", () => resolve(call.signal.reason));
        started();
        return new Promise(() => {});
      };
    });
  }

  test("over gRPC", async () => {
    const client = new Client(sidecar.grpcAddress, credentials.createInsecure());
    const asIs = (bytes: Buffer) => bytes;
    let cancel = () => {};
    const aborted = nextAbort(() => cancel());
    const call = client.makeUnaryRequest(EXECUTE, asIs, asIs, Buffer.from(request), new Metadata(), () => {});
    cancel = () => call.cancel();
    expect(await aborted).toMatchObject({ reason: "CANCELLED" });
    client.close();
  });

  test("over HTTP", async () => {
    const leaving = new AbortController();
    const aborted = nextAbort(() => leaving.abort());
    const answer = fetch(new URL(EXECUTE, sidecar.httpUrl), {
      method: "POST",
      headers: PROTO,
      body: request,
      signal: leaving.signal,
    });
    await expect(answer).rejects.toThrow("aborted");
    expect(await aborted).toMatchObject({ reason: "CANCELLED" });
  });

  test("a stream's iterator is closed", async () => {
    const path = "/dispatcher.v1.DispatcherService/WatchChainEvents";
    const client = new Client(sidecar.grpcAddress, credentials.createInsecure());
    const asIs = (bytes: Buffer) => bytes;
    const closed = new Promise<void>((resolve) => {
      sidecar.behaviour.watch = async function* () {
        try {
          for (;;) {
            yield { cursor: "x".repeat(10_000) };
          }
        } finally {
          resolve();
        }
      };
    });
    const stream = client.makeServerStreamRequest(path, asIs, asIs, Buffer.alloc(0));
    stream.once("error", () => {});
    stream.once("data", () => stream.cancel());
    await closed;
    client.close();
  });
});

test("a handler that answers something that cannot be written is a bug", async () => {
  sidecar.behaviour.execute = async () => ({ outcome: 1.5 });
  for (const answer of [
    await askGrpc(sidecar.grpcAddress, frame(request)),
    await askHttp(sidecar.httpUrl, request, PROTO),
  ]) {
    expect(answer).toMatchObject({ code: "INTERNAL", reason: "INTERNAL" });
    expect(answer.message).toMatch(/^internal error \(request /);
  }
});

test("calls are counted by method and code, and seen in the log", async () => {
  sidecar.behaviour.execute = () => Promise.reject(new Refusal("CHAIN_DISABLED", "no"));
  for (const [, ask] of doors) await ask();
  const text = await sidecar.metrics.registry.metrics();
  for (const listener of ["grpc", "http"]) {
    const labels = `listener="${listener}",rpc_method="dispatcher.v1.DispatcherService/Execute",rpc_response_status_code="FAILED_PRECONDITION"`;
    expect(text).toContain(`rpc_server_call_duration_seconds_count{${labels}} 1`);
    expect(text).toContain(`rpc_server_active_calls{listener="${listener}"} 0`);
    expect(sidecar.log).toContainEqual(
      expect.objectContaining({
        listener,
        code: "FAILED_PRECONDITION",
        reason: "CHAIN_DISABLED",
        msg: "call",
      }),
    );
  }
});

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { Client, credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  DispatcherService,
  ExecuteRequestSchema,
  ExecuteResponseSchema,
} from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { ErrorInfoSchema } from "../../gen/ts/google/rpc/error_details_pb.ts";
import { Refusal } from "../../src/domain/refusal.ts";
import { EXECUTE } from "./raw-client.ts";
import { echo, type ScratchSidecar, startScratchSidecar } from "./scratch-sidecar.ts";

/** The clients that people use, each over its own protocol. */

const chain = { value: { case: "id", value: "0190b5a8-0000-7000-8000-000000000000" } } as const;
let sidecar: ScratchSidecar;
beforeAll(async () => {
  sidecar = await startScratchSidecar();
});
beforeEach(() => {
  sidecar.behaviour.execute = echo;
});
afterAll(() => sidecar.stop());

describe.each([
  [
    "Connect with JSON",
    (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
  ],
  ["Connect with protobuf", (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC-Web", (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
])("%s", (_, transport) => {
  const client = () => createClient(DispatcherService, transport(sidecar.httpUrl));

  test("answers", async () => {
    const initialContext = { text: "ünï\u{1F600}", list: [1.5, null, { a: true }] };
    const answer = await client().execute({ chain, requestedBy: "me", initialContext });
    expect(answer.transition).toMatchObject({ name: "me", context: initialContext });
  });

  test("refuses with the reason", async () => {
    sidecar.behaviour.execute = () =>
      Promise.reject(new Refusal("CLAIMED", "wait for ünï", { retryAfterMs: 5 }));
    const error = await client().execute({ chain }).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.Aborted, rawMessage: "wait for ünï" });
    expect(error instanceof ConnectError && error.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: "CLAIMED" },
    ]);
  });

  test("refuses what it cannot read with the reason", async () => {
    const error = await client()
      .execute({ chain, requestedBy: "x".repeat(5_000_000) })
      .catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.ResourceExhausted });
    expect(error instanceof ConnectError && error.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: "PAYLOAD_TOO_LARGE" },
    ]);
  });

  test("streams, and ends a stream with the reason", async () => {
    sidecar.behaviour.watch = async function* () {
      yield { cursor: "1" };
      yield { cursor: "2" };
      throw new Refusal("STATE_REMOVED", "gone");
    };
    const cursors: string[] = [];
    const error = await (async () => {
      for await (const { cursor } of client().watchChainEvents({})) cursors.push(cursor);
    })().catch(ConnectError.from);
    expect(cursors).toEqual(["1", "2"]);
    expect(error).toMatchObject({ code: Code.FailedPrecondition, rawMessage: "gone" });
  });
});

describe("grpc-js", () => {
  const request = toBinary(ExecuteRequestSchema, create(ExecuteRequestSchema, { chain, requestedBy: "me" }));
  const call = (client: Client) =>
    new Promise<Buffer>((resolve, reject) => {
      const asIs = (bytes: Buffer) => bytes;
      client.makeUnaryRequest(EXECUTE, asIs, asIs, Buffer.from(request), (error, bytes) =>
        bytes ? resolve(bytes) : reject(error),
      );
    });

  test("answers", async () => {
    const client = new Client(sidecar.grpcAddress, credentials.createInsecure());
    expect(fromBinary(ExecuteResponseSchema, await call(client)).transition?.name).toBe("me");
    client.close();
  });

  test("repeats by its retry policy what was refused as UNAVAILABLE", async () => {
    let calls = 0;
    sidecar.behaviour.execute = async () => {
      calls += 1;
      if (calls < 3) throw new Refusal("DATABASE_UNAVAILABLE", "not now");
      return {};
    };
    const retryPolicy = {
      maxAttempts: 4,
      initialBackoff: "0.01s",
      maxBackoff: "0.01s",
      backoffMultiplier: 1,
      retryableStatusCodes: ["UNAVAILABLE"],
    };
    const client = new Client(sidecar.grpcAddress, credentials.createInsecure(), {
      "grpc.service_config": JSON.stringify({ methodConfig: [{ name: [{}], retryPolicy }] }),
    });
    await call(client);
    expect(calls).toBe(3);
    client.close();
  });

  test("a burst of 2,000 calls on one connection, above the streams that it may have at once", async () => {
    const client = new Client(sidecar.grpcAddress, credentials.createInsecure());
    const answers = await Promise.all(Array.from({ length: 2000 }, () => call(client)));
    expect(answers).toHaveLength(2000);
    client.close();
  });

  test("2,000 calls that their caller cancels do not end the connection", async () => {
    sidecar.behaviour.execute = () => new Promise(() => {});
    const client = new Client(sidecar.grpcAddress, credentials.createInsecure());
    const asIs = (bytes: Buffer) => bytes;
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(
        Array.from(
          { length: 100 },
          () =>
            new Promise<void>((resolve) => {
              const pending = client.makeUnaryRequest(EXECUTE, asIs, asIs, Buffer.from(request), () =>
                resolve(),
              );
              setImmediate(() => pending.cancel());
            }),
        ),
      );
    }
    sidecar.behaviour.execute = echo;
    await call(client);
    client.close();
  });
});

test("buf curl learns everything by reflection", async () => {
  const curl = async (...args: string[]) => {
    const common = ["curl", "--http2-prior-knowledge", "--protocol", "grpc"];
    const { stdout } = await promisify(execFile)("node_modules/.bin/buf", [...common, ...args]);
    return stdout;
  };
  const url = `http://${sidecar.grpcAddress}`;
  const body = JSON.stringify({ chain: { id: chain.value.value }, requestedBy: "me" });
  expect(JSON.parse(await curl(`${url}${EXECUTE}`, "-d", body))).toEqual({ transition: { name: "me" } });
  expect((await curl("--list-services", url)).trim().split("\n")).toEqual([
    "dispatcher.v1.DispatcherService",
    "dispatcher.v1.OperationsService",
    "dispatcher.v1.RegistryService",
  ]);
});

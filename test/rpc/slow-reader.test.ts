import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ErrorInfoSchema } from "../../gen/ts/google/rpc/error_details_pb.ts";
import { endingSlowReaders } from "../../src/rpc/slow-reader.ts";
import { type Clients, createClients, createJsonClients } from "../support/client.ts";
import { type ScratchSidecar, startScratchSidecar } from "./scratch-sidecar.ts";

const PATIENCE_MS = 300;
/** Of one message. */
const BYTES = 10_000;
/** What two sockets and a reader's window may hold. */
const MOST_ON_THE_WAY = 32 * 1024 * 1024;

let sidecar: ScratchSidecar;
beforeEach(async () => {
  sidecar = await startScratchSidecar();
});
afterEach(() => sidecar.stop());

/** A stream that has no end of its own; tells how many messages it was asked for, and when it was let go. */
function streamForEver() {
  const source = { made: 0, isLetGo: false };
  async function* messages() {
    try {
      for (;;) {
        source.made += 1;
        yield { event: { reason: "x".repeat(BYTES) }, cursor: String(source.made) };
      }
    } finally {
      source.isLetGo = true;
    }
  }
  sidecar.behaviour.watch = (_request, call) => endingSlowReaders(messages(), call, PATIENCE_MS);
  return source;
}

const activeCalls = async () => {
  const text = await sidecar.metrics.registry.getSingleMetricAsString("rpc_server_active_calls");
  return [...text.matchAll(/^rpc_server_active_calls\{.*\} (\d+)$/gm)].map(([, count]) => Number(count));
};

describe.each(["gRPC", "Connect"] as const)("a reader over %s", (door) => {
  const open = (signal?: AbortSignal) => {
    const clients: Clients =
      door === "gRPC" ? createClients(sidecar.grpcAddress) : createJsonClients(new URL(sidecar.httpUrl).host);
    return clients.dispatcher.watchChainEvents({}, signal ? { signal } : {})[Symbol.asyncIterator]();
  };

  test("that takes nothing is ended: what was sent still comes, and then the last cursor", async () => {
    const source = streamForEver();
    const reader = open();
    const first = await reader.next();
    expect(first.value?.cursor).toBe("1");
    await vi.waitFor(() => expect(source.isLetGo).toBe(true), { timeout: 20_000 });
    const { made } = source;
    expect(made * BYTES).toBeLessThan(MOST_ON_THE_WAY);

    const cursors = ["1"];
    const error = await (async () => {
      for (;;) {
        const next = await reader.next();
        if (next.done) return undefined;
        cursors.push(next.value.cursor);
      }
    })().catch((thrown: unknown) => ConnectError.from(thrown));
    expect(error?.code).toBe(Code.Unavailable);
    const [info] = error?.findDetails(ErrorInfoSchema) ?? [];
    expect(info).toMatchObject({ reason: "SLOW_READER", metadata: { seconds: "0.3" } });
    expect(info?.metadata["cursor"]).toBe(cursors.at(-1));
    expect(cursors).toEqual(Array.from({ length: cursors.length }, (_, index) => String(index + 1)));
    expect(await activeCalls()).toEqual([0, 0]);
  });

  test("that goes away while the stream waits for it is let go of", async () => {
    const source = streamForEver();
    const leaving = new AbortController();
    const reader = open(leaving.signal);
    await reader.next();
    // It waits: nothing more is made.
    await vi.waitFor(async () => {
      const { made } = source;
      await new Promise((resolve) => setImmediate(resolve));
      expect(made).toBeGreaterThan(1);
      expect(source.made).toBe(made);
    });
    leaving.abort();
    await vi.waitFor(() => expect(source.isLetGo).toBe(true));
    await vi.waitFor(async () => expect(await activeCalls()).toEqual([0, 0]));
  });

  test("that takes its time, but takes something, is not ended", async () => {
    const source = streamForEver();
    const reader = open();
    const startedMs = performance.now();
    let taken = 0;
    // Several times as long as the patience for one message.
    while (performance.now() - startedMs < 4 * PATIENCE_MS) {
      const next = await reader.next();
      expect(next.done).toBe(false);
      taken += 1;
    }
    expect(taken).toBeGreaterThan(10);
    expect(source.isLetGo).toBe(false);
    await reader.return?.();
    await vi.waitFor(() => expect(source.isLetGo).toBe(true));
  });
});

import type { MessageInitShape } from "@bufbuild/protobuf";
import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Metadata, Server, ServerCredentials, type sendUnaryData, status } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import { DispatcherClient } from "../../examples/replay/dispatcher-client.ts";
import { grpcMethod } from "../../examples/replay/grpc-method.ts";
import { ReplayError } from "../../examples/replay/replay-error.ts";
import {
  DispatcherService,
  type GetChainResponseSchema,
} from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { ErrorInfoSchema } from "../../gen/ts/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/ts/google/rpc/status_pb.ts";

type Answer = MessageInitShape<typeof GetChainResponseSchema>;
type Failure = { readonly code: status; readonly reason?: string };

const { getChain } = DispatcherService.method;
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server that fails in these ways, one after the other, before it answers. */
async function startServer(failures: readonly Failure[] = [], port = 0) {
  const left = [...failures];
  const server = new Server();
  server.addService(
    { getChain: grpcMethod(getChain) },
    {
      getChain: (_: unknown, respond: sendUnaryData<Answer>) => {
        const failure = left.shift();
        if (failure) respond({ code: failure.code, details: "not now", metadata: metadataOf(failure) });
        else respond(null, { chain: { id: "the answer" } });
      },
    },
  );
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, found) =>
      error ? reject(error) : resolve(found),
    ),
  );
  closing.push(() => server.forceShutdown());
  return { port: bound, left, stop: () => server.forceShutdown() };
}

function metadataOf({ reason }: Failure): Metadata {
  const metadata = new Metadata();
  if (reason === undefined) return metadata;
  const details = [anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason, domain: "dispatcher" }))];
  metadata.set(
    "grpc-status-details-bin",
    Buffer.from(toBinary(StatusSchema, create(StatusSchema, { details }))),
  );
  return metadata;
}

function connect(port: number, waitMs = 20_000) {
  const troubles: string[] = [];
  const client = new DispatcherClient({
    address: `127.0.0.1:${port}`,
    waitMs,
    onTrouble: (message) => troubles.push(message),
  });
  closing.push(() => client.close());
  return {
    troubles,
    ask: async () => (await client.call(getChain, {})).chain?.id,
    close: () => client.close(),
  };
}

describe("the replay's client", () => {
  it.each<[string, Failure[]]>([
    ["that it cannot serve now", [{ code: status.UNAVAILABLE, reason: "DATABASE_UNAVAILABLE" }]],
    ["that somebody was faster", [{ code: status.ABORTED, reason: "CONCURRENT_TRANSITION" }]],
    ["that it took too long", [{ code: status.DEADLINE_EXCEEDED, reason: "DEADLINE_EXCEEDED" }]],
    ["by a broken stream", [{ code: status.INTERNAL }, { code: status.CANCELLED }, { code: status.UNKNOWN }]],
  ])("asks again when the sidecar says %s", async (_, failures) => {
    const { port } = await startServer(failures);
    const { ask, troubles } = connect(port);

    expect(await ask()).toBe("the answer");
    expect(troubles).toHaveLength(failures.length);
    expect(troubles[0]).toBe(`GetChain at 127.0.0.1:${port}: not now`);
  });

  it.each<Failure>([
    { code: status.INTERNAL, reason: "INTERNAL" },
    { code: status.INVALID_ARGUMENT, reason: "INVALID_REQUEST" },
    { code: status.FAILED_PRECONDITION, reason: "CHAIN_DISABLED" },
    { code: status.UNIMPLEMENTED },
  ])("takes a refusal as final: $code $reason", async (failure) => {
    const { port, left } = await startServer([failure, failure]);
    const { ask, troubles } = connect(port);

    const asking = ask();
    await expect(asking).rejects.toThrow(/GetChain at 127.0.0.1:\d+: not now/);
    await expect(asking).rejects.toBeInstanceOf(ReplayError);
    expect(left).toHaveLength(1);
    expect(troubles).toEqual([]);
  });

  it("goes on when the sidecar is stopped and started again", async () => {
    const first = await startServer();
    const { ask, troubles } = connect(first.port);
    await ask();
    first.stop();

    const waiting = ask();
    await expect.poll(() => troubles.length).toBeGreaterThan(1);
    await startServer([], first.port);

    expect(await waiting).toBe("the answer");
  });

  it("gives up when the wait is over", async () => {
    const { port, stop } = await startServer();
    stop();
    const { ask } = connect(port, 300);

    await expect(ask()).rejects.toThrow(/GetChain at 127.0.0.1:\d+: .*ECONNREFUSED/);
  });

  it("ends a waiting call when it is closed", async () => {
    const { port, stop } = await startServer();
    stop();
    const { ask, troubles, close } = connect(port);

    const waiting = ask();
    await expect.poll(() => troubles.length).toBeGreaterThan(0);
    close();

    await expect(waiting).rejects.toThrow();
  });
});

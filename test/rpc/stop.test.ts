import { link, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ExecuteRequestSchema } from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { createGrpcListener } from "../../src/rpc/grpc-listener.ts";
import { createHttpListener } from "../../src/rpc/http-listener.ts";
import { askGrpc, askHttp, EXECUTE, frame } from "./raw-client.ts";
import { type ScratchSidecar, startScratchSidecar } from "./scratch-sidecar.ts";

const request = toBinary(
  ExecuteRequestSchema,
  create(ExecuteRequestSchema, {
    chain: { value: { case: "id", value: "0190b5a8-0000-7000-8000-000000000000" } },
  }),
);
const PROTO = { "content-type": "application/proto" };

let sidecar: ScratchSidecar;
beforeEach(async () => {
  sidecar = await startScratchSidecar();
});
afterEach(() => sidecar.stop());

/** Handlers hang until released; `entered` resolves when the first call is in one. */
function holdCalls() {
  const entered = Promise.withResolvers<void>();
  const released = Promise.withResolvers<object>();
  sidecar.behaviour.execute = () => {
    entered.resolve();
    return released.promise;
  };
  return { entered: entered.promise, release: () => released.resolve({}) };
}

describe.each(["grpc", "http"] as const)("stopping the %s listener", (door) => {
  const ask = () =>
    door === "grpc" ? askGrpc(sidecar.grpcAddress, frame(request)) : askHttp(sidecar.httpUrl, request, PROTO);

  test("an idle one stops at once", async () => {
    await ask();
    await sidecar[door].stop(60_000);
    await expect(ask()).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("a call in flight is answered, a new one is refused", async () => {
    const held = holdCalls();
    const answer = ask();
    await held.entered;
    const stopped = sidecar[door].stop(60_000);
    await expect(ask()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    held.release();
    expect(await answer).toMatchObject({ httpStatus: 200, reason: undefined });
    await stopped;
  });

  test("a call that hangs is cut after the grace, and told so by its signal", async () => {
    const entered = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    sidecar.behaviour.execute = (_request, call) => {
      call.signal.addEventListener("abort", () => ended.resolve());
      entered.resolve();
      return new Promise(() => {});
    };
    const answer = ask().catch((error: unknown) => error);
    await entered.promise;
    const startedMs = performance.now();
    await sidecar[door].stop(100);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(99);
    await ended.promise;
    await answer;
  });

  test("a silent connection does not hold it up for longer than the grace", async () => {
    const address = door === "grpc" ? sidecar.grpcAddress : new URL(sidecar.httpUrl).host;
    const socket = connect({ host: "127.0.0.1", port: Number(address.split(":")[1]) });
    await new Promise((resolve) => socket.once("connect", resolve));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.resume();
    await sidecar[door].stop(100);
    await closed;
  });
});

test("watchers of health do not hold up a stop, and see it coming", async () => {
  sidecar.grpc.setServing(true);
  const client = new Client(sidecar.grpcAddress, credentials.createInsecure());
  const asIs = (bytes: Buffer) => bytes;
  const watch = client.makeServerStreamRequest("/grpc.health.v1.Health/Watch", asIs, asIs, Buffer.alloc(0));
  const seen: number[] = [];
  const first = Promise.withResolvers<void>();
  watch.on("data", (bytes: Buffer) => {
    seen.push(bytes.readUInt8(1));
    first.resolve();
  });
  const ended = new Promise<{ code?: number }>((resolve) => watch.once("error", resolve));
  await first.promise;
  await sidecar.grpc.stop(60_000);
  expect((await ended).code).toBe(14);
  expect(seen).toEqual([1, 2]);
  client.close();
});

test("a caller that does not read its stream to the end does not hold up a stop", async () => {
  sidecar.behaviour.watch = async function* () {
    yield { cursor: "1" };
  };
  const session = connectHttp2(`http://${sidecar.grpcAddress}`);
  const stream = session.request({
    ":method": "POST",
    ":path": "/dispatcher.v1.DispatcherService/WatchChainEvents",
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => undefined).end(frame(new Uint8Array()));
  await new Promise((resolve) => stream.once("response", resolve));
  const startedMs = performance.now();
  await sidecar.grpc.stop(60_000);
  expect(performance.now() - startedMs).toBeLessThan(20_000);
  session.destroy();
});

test("a kept connection is closed after its answer", async () => {
  const held = holdCalls();
  const socket = connect(Number(new URL(sidecar.httpUrl).port), "127.0.0.1");
  const received: string[] = [];
  socket.on("data", (chunk) => received.push(chunk.toString("latin1")));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(
    `POST ${EXECUTE} HTTP/1.1\r\nhost: x\r\ncontent-type: application/proto\r\ncontent-length: ${request.length}\r\n\r\n`,
  );
  socket.write(request);
  await held.entered;
  const stopped = sidecar.http.stop(60_000);
  held.release();
  await closed;
  await stopped;
  expect(received.join("")).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close/i);
});

describe("unix sockets", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "dispatcher-socket-"));
    path = join(folder, "dispatcher.sock");
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const listeners = () => {
    const address = { kind: "unix", path } as const;
    const { pipeline } = sidecar;
    return [createGrpcListener({ address, pipeline }), createHttpListener({ address, pipeline })];
  };

  test("answer, and leave no file behind", async () => {
    const [grpc] = listeners();
    expect(await grpc?.start()).toEqual({ kind: "unix", path });
    const client = new Client(`unix:${path}`, credentials.createInsecure());
    const asIs = (bytes: Buffer) => bytes;
    await new Promise<void>((resolve, reject) => {
      client.makeUnaryRequest(EXECUTE, asIs, asIs, Buffer.from(request), (error) =>
        error ? reject(error) : resolve(),
      );
    });
    client.close();
    await grpc?.stop(1000);
    await expect(stat(path)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("the file of a process that is gone is replaced", async () => {
    // Closed from below, as a kill does: the file stays.
    const gone = createServer().listen(path);
    await new Promise((resolve) => gone.once("listening", resolve));
    const moved = `${path}.moved`;
    await link(path, moved);
    await new Promise((resolve) => gone.close(resolve));
    await rename(moved, path);
    expect((await stat(path)).isSocket()).toBe(true);

    for (const listener of listeners()) {
      await listener.start();
      await listener.stop(0);
    }
  });

  test("the file of a living process is not, nor is one that is no socket", async () => {
    const living = createServer().listen(path);
    await new Promise((resolve) => living.once("listening", resolve));
    for (const listener of listeners()) {
      await expect(listener.start()).rejects.toThrow(`another process is listening on ${path}`);
    }
    await new Promise((resolve) => living.close(resolve));
    await writeFile(path, "precious");
    for (const listener of listeners()) await expect(listener.start()).rejects.toThrow("is not a socket");
  });
});

test("a port that is taken is an error of start", async () => {
  const { pipeline } = sidecar;
  const address = {
    kind: "tcp",
    host: "127.0.0.1",
    port: Number(sidecar.grpcAddress.split(":")[1]),
  } as const;
  for (const listener of [
    createGrpcListener({ address, pipeline }),
    createHttpListener({ address, pipeline }),
  ]) {
    await expect(listener.start()).rejects.toMatchObject({ code: "EADDRINUSE" });
  }
});

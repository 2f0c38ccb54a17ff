import { once } from "node:events";
import { createServer } from "node:http2";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Verdict as Answer } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { createValidatorClient, type ValidatorClient } from "../../src/outbound/validator-client.ts";
import { question } from "../support/question.ts";
import { type RawServer, startRawServer } from "../support/raw-server.ts";
import { startGrpcValidator, type ValidatorHost } from "../support/validator-host.ts";

const limits = () => ({ signal: new AbortController().signal });

let client: ValidatorClient;
let good: ValidatorHost;
beforeAll(async () => {
  client = createValidatorClient();
  good = await startGrpcValidator(() => ({ verdict: Answer.VALID }));
});
afterAll(async () => {
  await client.close();
  await good.stop();
});

/** Stands before the good validator, to count its connections and to cut them. */
function startForwarder(onSocket: (socket: Socket, upstream: Socket) => void = () => {}): Promise<RawServer> {
  const port = Number(good.url.split(":").at(-1));
  return startRawServer((socket) => {
    const upstream = connect(port, "127.0.0.1");
    upstream.on("error", () => socket.destroy());
    socket.on("close", () => upstream.destroy());
    upstream.on("close", () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
    onSocket(socket, upstream);
  });
}

test("one connection serves all calls, also those at the same time", async () => {
  const server = await startForwarder();
  const ask = () => client.validate({ url: `grpc://127.0.0.1:${server.port}` }, question, limits());
  for (let call = 0; call < 20; call += 1) await ask();
  const verdicts = await Promise.all(Array.from({ length: 100 }, ask));
  expect(new Set(verdicts.map(({ kind }) => kind))).toEqual(new Set(["VALID"]));
  expect(server.connections()).toBe(1);
  await server.close();
});

test("a connection that was cut is replaced by the next call", async () => {
  const sockets: Socket[] = [];
  const server = await startForwarder((socket) => sockets.push(socket));
  const ask = () => client.validate({ url: `grpc://127.0.0.1:${server.port}` }, question, limits());
  for (let round = 1; round <= 5; round += 1) {
    expect(await ask()).toMatchObject({ kind: "VALID" });
    expect(server.connections()).toBe(round);
    const cut = sockets.at(-1);
    cut?.resetAndDestroy();
    await expect.poll(() => cut?.closed).toBe(true);
  }
  await server.close();
});

test("a connection on which nothing comes any more is given up after a few calls", async () => {
  const sockets: [Socket, Socket][] = [];
  const server = await startForwarder((...pair) => sockets.push(pair));
  const url = `grpc://127.0.0.1:${server.port}`;
  const ask = () => client.validate({ url, timeoutMs: 200 }, question, limits());
  expect(await ask()).toMatchObject({ kind: "VALID" });
  for (const [socket, upstream] of sockets) {
    upstream.unpipe(socket);
    upstream.resume();
  }
  for (let call = 0; call < 3; call += 1) expect(await ask()).toMatchObject({ reason: "TIMEOUT" });
  expect(await ask()).toMatchObject({ kind: "VALID" });
  expect(server.connections()).toBe(2);
  await server.close();
});

test("the connections of ever new endpoints are not all kept", async () => {
  const host = createServer();
  const sessions = new Set<unknown>();
  host.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  let asked = 0;
  host.on("stream", (stream) => {
    asked += 1;
    stream.respond(
      { ":status": 200, "content-type": "application/grpc", "grpc-status": "5" },
      { endStream: true },
    );
  });
  host.listen(0, "0.0.0.0");
  await once(host, "listening");
  const { port } = host.address() as AddressInfo;
  const mine = createValidatorClient();
  for (let last = 0; last < 300; last += 1) {
    const url = `grpc://127.0.${last >> 8}.${(last & 0xff) + 1 > 255 ? 255 : (last & 0xff) + 1}:${port}`;
    await mine.validate({ url }, question, limits());
  }
  expect(asked).toBe(300);
  await expect.poll(() => sessions.size).toBeLessThanOrEqual(256);
  expect(sessions.size).toBeGreaterThan(200);
  await mine.close();
  await expect.poll(() => sessions.size).toBe(0);
  host.close();
});

test("the validator is told how much time is left, which is never more than the caller has", async () => {
  const timeouts: string[] = [];
  const host = createServer();
  host.on("stream", (stream, headers) => {
    timeouts.push(String(headers["grpc-timeout"]));
    stream.respond(
      { ":status": 200, "content-type": "application/grpc", "grpc-status": "5" },
      { endStream: true },
    );
  });
  host.listen(0, "127.0.0.1");
  await once(host, "listening");
  const url = `grpc://127.0.0.1:${(host.address() as AddressInfo).port}`;
  await client.validate({ url }, question, limits());
  await client.validate({ url, timeoutMs: 9000 }, question, limits());
  await client.validate({ url, timeoutMs: 9000 }, question, {
    ...limits(),
    deadlineMs: performance.now() + 500,
  });
  expect(timeouts.map(inMs)).toEqual([within(1500, 2000), within(8500, 9000), within(100, 500)]);
  host.close();
});

test("an Execute whose time is up is told so, and calls nobody if it was up before", async () => {
  const host = await startGrpcValidator(() => new Promise(() => {}));
  const endpoint = { url: host.url, timeoutMs: 5000 };
  const verdict = await client.validate(endpoint, question, {
    ...limits(),
    deadlineMs: performance.now() + 150,
  });
  expect(verdict).toMatchObject({
    reason: "TIMEOUT",
    message: expect.stringContaining("that the caller's deadline left"),
  });
  expect(verdict.durationMs).toBeLessThan(600);
  const late = await client.validate(endpoint, question, { ...limits(), deadlineMs: performance.now() - 1 });
  expect(late).toMatchObject({ reason: "TIMEOUT", message: expect.stringContaining("was not called") });
  expect(late.durationMs).toBeUndefined();
  expect(host.calls).toHaveLength(1);
  await host.stop();
});

const within = (low: number, high: number) =>
  expect.toSatisfy((value: number) => value >= low && value <= high, `from ${low} to ${high}`);

/** The wire form of gRPC: at most eight digits and a unit. */
function inMs(timeout: string): number {
  const unit: Readonly<Record<string, number>> = { S: 1000, m: 1, u: 0.001, n: 0.000_001 };
  return Number(timeout.slice(0, -1)) * (unit[timeout.slice(-1)] ?? Number.NaN);
}

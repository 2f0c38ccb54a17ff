import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CallbackClient, createCallbackClient } from "../../src/outbound/callback-client.ts";
import { startGrpcCallback, startHttpCallback } from "../support/callback-host.ts";
import { createAuthority } from "../support/certificate.ts";
import { effectMessage } from "../support/effect.ts";
import { freeAddress } from "../support/free-address.ts";
import { startRawServer } from "../support/raw-server.ts";

const TIMEOUT_MS = 300;
const authority = createAuthority();
const tls = authority.issue({ names: ["localhost"] });
const stranger = createAuthority("Somebody Else").issue({ names: ["localhost"] });

let client: CallbackClient;
beforeAll(() => {
  client = createCallbackClient({ ca: Buffer.from(authority.cert) });
});
afterAll(() => client.close());

const limits = (signal = new AbortController().signal) => ({
  signal,
  defaultTimeoutMs: TIMEOUT_MS,
  attempt: 1,
});

const hosts = [
  ["grpc", startGrpcCallback],
  ["http", startHttpCallback],
] as const;

describe.each(hosts)("%s", (scheme, start) => {
  const secure = `${scheme}s`;

  test("nothing listens: certainly not done, and delivered once the application is back", async () => {
    const address = await freeAddress();
    const endpoint = { url: `${scheme}://${address}` };
    for (let call = 0; call < 3; call += 1)
      expect(await client.deliver(endpoint, effectMessage, limits())).toEqual({
        kind: "failed",
        reason: "UNREACHABLE",
        message: `${endpoint.url} refused the connection, since nothing listens there: start the callback receiver, or correct the address`,
        durationMs: expect.any(Number),
        retryAfterMs: undefined,
      });
    const back = await start(undefined, { port: Number(address.split(":")[1]) });
    expect(await client.deliver(endpoint, effectMessage, limits())).toMatchObject({ kind: "done" });
    await back.stop();
  });

  test("a name that nobody knows", async () => {
    const url = `${scheme}://no-such-host.invalid:4711`;
    const endpoint = { url, timeoutMs: 10_000 };
    expect(await client.deliver(endpoint, effectMessage, limits())).toMatchObject({
      kind: "failed",
      reason: "UNREACHABLE",
      message: `${url} has a host name that cannot be resolved: correct the name, or look at DNS`,
    });
  });

  test("a certificate that is not trusted", async () => {
    const host = await start(undefined, { tls: stranger });
    expect(await client.deliver({ url: host.url }, effectMessage, limits())).toMatchObject({
      kind: "failed",
      reason: "UNREACHABLE",
      message: expect.stringContaining("an authority that is not trusted here: add the authority"),
    });
    expect(host.calls).toHaveLength(0);
    await host.stop();
  });

  test("no TLS on the other side", async () => {
    const host = await start();
    const url = host.url.replace(scheme, secure);
    expect(await client.deliver({ url }, effectMessage, limits())).toMatchObject({
      kind: "failed",
      message: expect.stringContaining(`register it as ${scheme}://`),
    });
    expect(host.calls).toHaveLength(0);
    await host.stop();
  });

  test("a handshake that stalls", async () => {
    const server = await startRawServer(() => undefined);
    const url = `${secure}://localhost:${server.port}`;
    expect(await client.deliver({ url }, effectMessage, limits())).toMatchObject({
      kind: "failed",
      reason: "TIMEOUT",
      message: `${url} did not take a request within ${TIMEOUT_MS} ms: see that the server is up and not overloaded, or correct the address`,
    });
    await server.close();
  });

  test("a delivery that is cancelled amid the handshake", async () => {
    const server = await startRawServer(() => undefined);
    const controller = new AbortController();
    const url = `${secure}://localhost:${server.port}`;
    const delivery = client.deliver({ url, timeoutMs: 20_000 }, effectMessage, limits(controller.signal));
    await expect.poll(server.connections).toBe(1);
    controller.abort();
    expect(await delivery).toMatchObject({ kind: "failed", reason: "CANCELLED" });
    await server.close();
  });

  test("a handshake that breaks is tried a second time, since nothing was sent", async () => {
    const host = await start(undefined, { tls });
    const target = Number(new URL(host.url.replace(secure, "http")).port);
    const server = await startRawServer((socket) => {
      if (server.connections() === 1) {
        socket.once("data", () => socket.resetAndDestroy());
        return;
      }
      const upstream = connect(target, "127.0.0.1");
      upstream.on("error", () => socket.destroy());
      socket.on("close", () => upstream.destroy());
      socket.pipe(upstream).pipe(socket);
    });
    const endpoint = { url: `${secure}://localhost:${server.port}`, timeoutMs: 5000 };
    expect(await client.deliver(endpoint, effectMessage, limits())).toMatchObject({ kind: "done" });
    expect(host.calls).toHaveLength(1);
    expect(server.connections()).toBe(2);
    await server.close();
    await host.stop();
  });

  test("a delivery that is cancelled before it begins, or has no time left, calls nobody", async () => {
    const host = await start();
    const cancelled = limits(AbortSignal.abort());
    expect(await client.deliver({ url: host.url }, effectMessage, cancelled)).toEqual({
      kind: "failed",
      reason: "CANCELLED",
      message: `${host.url} was not called, since the delivery was cancelled: deliver it again`,
      durationMs: 0,
      retryAfterMs: undefined,
    });
    const late = { ...limits(), deadlineMs: performance.now() - 1 };
    expect(await client.deliver({ url: host.url }, effectMessage, late)).toMatchObject({
      kind: "failed",
      reason: "TIMEOUT",
      message: expect.stringContaining("was not called, since no time was left"),
      durationMs: 0,
    });
    expect(host.connections()).toBe(0);
    await host.stop();
  });

  test("the deadline ends a delivery before its timeout, and is named", async () => {
    const host = await start(() => ({ kind: "hang" }));
    const deadlineMs = performance.now() + 250;
    const endpoint = { url: host.url, timeoutMs: 20_000 };
    expect(await client.deliver(endpoint, effectMessage, { ...limits(), deadlineMs })).toMatchObject({
      kind: "unanswered",
      reason: "TIMEOUT",
      message: expect.stringMatching(/ did not answer in the 2\d\d ms that were left: make it faster/),
    });
    await host.stop();
  });
});

test("a socket that is not there", async () => {
  const url = "unix:///run/nobody/made-this.sock";
  expect(await client.deliver({ url }, effectMessage, limits())).toMatchObject({
    kind: "failed",
    reason: "UNREACHABLE",
    message: expect.stringMatching(/^unix:.* is a socket that does not exist: start the callback receiver/),
  });
});

describe("a gRPC receiver that accepts connections", () => {
  test.each<[string, Parameters<typeof startRawServer>[0], string]>([
    ["and never speaks", () => undefined, "TIMEOUT"],
    ["and closes them", (socket) => void socket.destroy(), "UNREACHABLE"],
    ["and speaks something else", (socket) => void socket.write("SSH-2.0-OpenSSH_9.9\r\n"), "MALFORMED"],
  ])("%s: nothing was sent", async (_, serve, reason) => {
    const server = await startRawServer(serve);
    const url = `grpc://127.0.0.1:${server.port}`;
    expect(await client.deliver({ url }, effectMessage, limits())).toMatchObject({
      kind: "failed",
      reason: expect.stringMatching(`^(${reason}|TIMEOUT)$`),
    });
    await server.close();
  });
});

test("a web server is no gRPC receiver, and was not understood by", async () => {
  const host = await startHttpCallback();
  const url = host.url.replace("http", "grpc");
  expect(await client.deliver({ url }, effectMessage, limits())).toMatchObject({
    kind: "failed",
    reason: "MALFORMED",
    message: expect.stringContaining("register it as http://"),
  });
  expect(host.calls).toHaveLength(0);
  await host.stop();
});

test("the operator's authority must be one, and a URL one that can be called", async () => {
  expect(() => createCallbackClient({ ca: Buffer.from("garbage") })).toThrow(/no certificate in PEM form/);
  await expect(client.deliver({ url: "ftp://x" }, effectMessage, limits())).rejects.toThrow(/scheme "ftp"/);
});

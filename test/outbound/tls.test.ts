import { once } from "node:events";
import { connect } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Verdict as Answer } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { createValidatorClient, type ValidatorClient } from "../../src/outbound/validator-client.ts";
import { createAuthority } from "../support/certificate.ts";
import { question } from "../support/question.ts";
import { startRawServer } from "../support/raw-server.ts";
import { startGrpcValidator, startHttpValidator } from "../support/validator-host.ts";

const authority = createAuthority();
const stranger = createAuthority("Somebody Else");
const good = authority.issue({ names: ["localhost", "127.0.0.1"] });
const HOUR_MS = 3_600_000;

const limits = () => ({ signal: new AbortController().signal });
const valid = () => ({ verdict: Answer.VALID });
const hosts = [
  ["grpcs", startGrpcValidator],
  ["https", startHttpValidator],
] as const;

let client: ValidatorClient;
beforeAll(() => {
  client = createValidatorClient({ ca: Buffer.from(authority.cert) });
});
afterAll(() => client.close());

describe.each(hosts)("%s", (scheme, start) => {
  test("a certificate of the operator's authority is trusted, by name and by address", async () => {
    const host = await start(valid, { tls: good });
    expect(host.url).toMatch(`${scheme}://localhost:`);
    for (const url of [host.url, host.url.replace("localhost", "127.0.0.1")])
      expect(await client.validate({ url }, question, limits())).toMatchObject({ kind: "VALID" });
    await host.stop();
  });

  test.each([
    ["self-signed", stranger.issue({ names: ["localhost"] }), /not trusted here/],
    ["expired", authority.issue({ names: ["localhost"], to: new Date(Date.now() - HOUR_MS / 2) }), /expired/],
    [
      "not yet valid",
      authority.issue({ names: ["localhost"], from: new Date(Date.now() + HOUR_MS / 2) }),
      /not yet valid/,
    ],
    ["of another host", authority.issue({ names: ["elsewhere.example"] }), /certificate for another host/],
  ])("a certificate that is %s", async (_, tls, message) => {
    const host = await start(valid, { tls });
    const startedMs = performance.now();
    const verdict = await client.validate({ url: host.url }, question, limits());
    expect(verdict).toMatchObject({
      kind: "ERROR",
      reason: "UNREACHABLE",
      message: expect.stringMatching(message),
    });
    expect(performance.now() - startedMs).toBeLessThan(1500);
    expect(host.calls).toHaveLength(0);
    await host.stop();
  });

  test("without TLS on the other side", async () => {
    const host = await start(valid);
    const url = host.url.replace(/^\w+/, scheme);
    expect(await client.validate({ url }, question, limits())).toMatchObject({
      kind: "ERROR",
      message: expect.stringMatching(/if the server has no TLS, register it as (grpc|http):/),
    });
    await host.stop();
  });

  test("a handshake that stalls ends in time, and is forgotten once the server is well again", async () => {
    const host = await start(valid, { tls: good });
    const target = Number(new URL(host.url.replace(/^\w+/, "http")).port);
    let stalls = true;
    const server = await startRawServer((socket) => {
      if (stalls) return;
      const upstream = connect(target, "127.0.0.1");
      upstream.on("error", () => socket.destroy());
      socket.on("close", () => upstream.destroy());
      socket.pipe(upstream).pipe(socket);
    });
    const ask = () =>
      client.validate({ url: `${scheme}://localhost:${server.port}`, timeoutMs: 300 }, question, limits());
    const startedMs = performance.now();
    expect(await ask()).toMatchObject({ kind: "ERROR", reason: "TIMEOUT" });
    expect(performance.now() - startedMs).toBeLessThan(800);
    stalls = false;
    await expect.poll(async () => (await ask()).kind, { timeout: 8000 }).toBe("VALID");
    await server.close();
    await host.stop();
  });
});

test("no gRPC behind the TLS", async () => {
  const server = createTlsServer({ ...good, ALPNProtocols: ["http/1.1"] });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = `grpcs://localhost:${typeof address === "object" ? address?.port : 0}`;
  expect(await client.validate({ url }, question, limits())).toMatchObject({
    kind: "ERROR",
    message: expect.stringContaining("register it as https://"),
  });
  server.close();
});

test("the operator's authority must be one", () => {
  expect(() => createValidatorClient({ ca: Buffer.from("garbage") })).toThrow(/no certificate in PEM form/);
});

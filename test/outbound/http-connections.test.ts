import type { Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Verdict as Answer } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { createValidatorClient, type ValidatorClient } from "../../src/outbound/validator-client.ts";
import { freeAddress } from "../support/free-address.ts";
import { question } from "../support/question.ts";
import { startRawServer } from "../support/raw-server.ts";
import { startGrpcValidator, startHttpValidator } from "../support/validator-host.ts";

const limits = () => ({ signal: new AbortController().signal });

let client: ValidatorClient;
beforeAll(() => {
  client = createValidatorClient();
});
afterAll(() => client.close());

const BODY = '{"verdict":"VERDICT_VALID"}';
const VALID = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;

test("nothing listens: told at once, and the next call after the application has come back succeeds", async () => {
  const address = await freeAddress();
  const url = `http://${address}`;
  for (let call = 0; call < 3; call += 1) {
    const startedMs = performance.now();
    expect(await client.validate({ url }, question, limits())).toMatchObject({ reason: "UNREACHABLE" });
    expect(performance.now() - startedMs).toBeLessThan(1000);
  }
  const back = await startHttpValidator(() => ({ verdict: Answer.VALID }), {
    port: Number(address.split(":")[1]),
  });
  expect(await client.validate({ url }, question, limits())).toMatchObject({ kind: "VALID" });
  await back.stop();
});

test("an idle connection that the server closes just as it is used costs nothing", async () => {
  let requests = 0;
  const server = await startRawServer((socket) => {
    let served = false;
    socket.on("data", () => {
      requests += 1;
      // The second question over a connection meets its end.
      if (served) socket.end();
      else socket.write(VALID);
      served = true;
    });
  });
  const ask = () => client.validate({ url: `http://127.0.0.1:${server.port}` }, question, limits());
  for (let call = 0; call < 6; call += 1) expect(await ask()).toMatchObject({ kind: "VALID" });
  expect(requests).toBeGreaterThan(6);
  await server.close();
});

test("a validator that closes every connection unanswered is asked a bounded number of times", async () => {
  let requests = 0;
  const server = await startRawServer((socket) => {
    socket.once("data", () => {
      requests += 1;
      socket.resetAndDestroy();
    });
  });
  const verdict = await client.validate({ url: `http://127.0.0.1:${server.port}` }, question, limits());
  expect(verdict).toMatchObject({ reason: "UNREACHABLE" });
  expect(requests).toBeLessThanOrEqual(2);
  await server.close();
});

test("an answer after the end of its time is nobody's answer", async () => {
  const waiting: Socket[] = [];
  const server = await startRawServer((socket) => {
    socket.once("data", () => {
      if (waiting.push(socket) > 1) socket.write(VALID);
    });
  });
  const url = `http://127.0.0.1:${server.port}`;
  expect(await client.validate({ url, timeoutMs: 200 }, question, limits())).toMatchObject({
    reason: "TIMEOUT",
  });
  waiting[0]?.write(VALID.replace("VERDICT_VALID", "VERDICT_OTHER"));
  expect(await client.validate({ url }, question, limits())).toMatchObject({ kind: "VALID" });
  await server.close();
});

describe("an error's text is another's", () => {
  test.each([
    [
      "Connect's message",
      "application/json",
      '{"code":"internal","message":"a\\r\\n\\u0000\\u001b[31mb"}',
      /\("a \[31mb"\)/,
    ],
    ["plain text", "text/plain", "line 1\nline 2", /\("line 1 line 2"\)/],
    ["a web page is left out", "text/html", "<script>", /HTTP 500: see/],
    ["any length", "text/plain", "x".repeat(60_000), /\("x{300}…"\)/],
    ["no JSON after all", "application/json", "{", /HTTP 500: see/],
  ])("%s", async (_, type, body, message) => {
    const server = await startRawServer((socket) =>
      socket.once("data", () =>
        socket.end(
          `HTTP/1.1 500 Oops\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        ),
      ),
    );
    const verdict = await client.validate({ url: `http://127.0.0.1:${server.port}` }, question, limits());
    expect(verdict).toMatchObject({
      kind: "ERROR",
      reason: "FAILED",
      message: expect.stringMatching(message),
    });
    await server.close();
  });
});

describe("the wrong protocol is named, with the right one", () => {
  test("a gRPC server behind http://", async () => {
    const host = await startGrpcValidator(() => ({ verdict: Answer.VALID }));
    const url = host.url.replace("grpc", "http");
    expect(await client.validate({ url }, question, limits())).toMatchObject({
      reason: "MALFORMED",
      message: expect.stringContaining("if it is a gRPC server, register it as grpc://"),
    });
    await host.stop();
  });

  test("a JSON handler behind grpc://", async () => {
    const host = await startHttpValidator(() => ({ verdict: Answer.VALID }));
    const url = host.url.replace("http", "grpc");
    expect(await client.validate({ url }, question, limits())).toMatchObject({
      reason: "MALFORMED",
      message: expect.stringContaining("if it is a JSON handler, register it as http://"),
    });
    await host.stop();
  });

  test("a socket that is not there", async () => {
    const url = "unix:///run/nobody/made-this.sock";
    expect(await client.validate({ url }, question, limits())).toMatchObject({
      reason: "UNREACHABLE",
      message: expect.stringMatching(/^unix:.* is a socket that does not exist: start the validator/),
    });
  });
});

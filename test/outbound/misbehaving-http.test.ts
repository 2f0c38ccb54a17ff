import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Verdict as Answer } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { createValidatorClient, type ValidatorClient } from "../../src/outbound/validator-client.ts";
import { question } from "../support/question.ts";
import { answers, httpAnswer, startRawServer } from "../support/raw-server.ts";
import { startHttpValidator, type ValidatorHost } from "../support/validator-host.ts";

const TIMEOUT_MS = 400;

let client: ValidatorClient;
let good: ValidatorHost;
beforeAll(async () => {
  client = createValidatorClient({});
  good = await startHttpValidator(() => ({ verdict: Answer.VALID, context: { fine: true } }));
});
afterAll(async () => {
  await client.close();
  await good.stop();
});

const limits = () => ({ signal: new AbortController().signal });

const VALID = '{"verdict":"VERDICT_VALID"}';
const big = (bytes: number) => `{"verdict":"VERDICT_VALID","context":{"a":"${"x".repeat(bytes)}"}}`;

const rows: [string, (socket: Socket) => void, Record<string, unknown>][] = [
  ["48 {}", answers(httpAnswer("{}")), { kind: "ERROR", reason: "NO_VERDICT" }],
  ["49 null verdict", answers(httpAnswer('{"verdict":null}')), { kind: "ERROR", reason: "NO_VERDICT" }],
  ["unknown verdict number", answers(httpAnswer('{"verdict":7}')), { kind: "ERROR", reason: "NO_VERDICT" }],
  ["unknown verdict name", answers(httpAnswer('{"verdict":"YES"}')), { kind: "ERROR", reason: "NO_VERDICT" }],
  ["50 empty body", answers(httpAnswer("")), { kind: "ERROR", reason: "MALFORMED" }],
  ["51 null", answers(httpAnswer("null")), { kind: "ERROR", reason: "MALFORMED" }],
  ["52 []", answers(httpAnswer("[]")), { kind: "ERROR", reason: "MALFORMED" }],
  ['53 "true"', answers(httpAnswer('"true"')), { kind: "ERROR", reason: "MALFORMED" }],
  ["54 1", answers(httpAnswer("1")), { kind: "ERROR", reason: "MALFORMED" }],
  ["56 truncated", answers(httpAnswer('{"verdict":"VERDI')), { kind: "ERROR", reason: "MALFORMED" }],
  [
    "57 30,000 deep",
    answers(httpAnswer("[".repeat(30_000) + "]".repeat(30_000))),
    { kind: "ERROR", reason: "MALFORMED" },
  ],
  ["58 unknown field", answers(httpAnswer('{"verdict":"VERDICT_VALID","extra":1}')), { kind: "VALID" }],
  ["59 BOM", answers(httpAnswer(`\ufeff${VALID}`)), { kind: "VALID" }],
  [
    "60 invalid UTF-8",
    answers(
      httpAnswer(
        Buffer.concat([
          Buffer.from('{"verdict":"VERDICT_INVALID","errors":["a'),
          Buffer.from([0xff]),
          Buffer.from('"]}'),
        ]),
      ),
    ),
    { kind: "INVALID", errors: ["a\ufffd"] },
  ],
  [
    "61 a web page",
    answers(httpAnswer("<html>", { type: "text/html" })),
    { kind: "ERROR", reason: "MALFORMED" },
  ],
  ["62 201", answers(httpAnswer(VALID, { status: "201 Created" })), { kind: "ERROR", reason: "REFUSED" }],
  ["63 204", answers(Buffer.from("HTTP/1.1 204 No Content\r\n\r\n")), { kind: "ERROR", reason: "REFUSED" }],
  [
    "64 302",
    (socket) => answers(httpAnswer("", { status: "302 Found", more: `location: ${good.url}\r\n` }))(socket),
    { kind: "ERROR", reason: "REFUSED" },
  ],
  [
    "65 500 with a verdict",
    answers(httpAnswer(VALID, { status: "500 Oops" })),
    { kind: "ERROR", reason: "FAILED" },
  ],
  ["429", answers(httpAnswer("", { status: "429 Slow down" })), { kind: "ERROR", reason: "FAILED" }],
  ["404", answers(httpAnswer("", { status: "404 Not Found" })), { kind: "ERROR", reason: "REFUSED" }],
  [
    "66 application/proto",
    answers(httpAnswer(VALID, { type: "application/proto" })),
    { kind: "ERROR", reason: "MALFORMED" },
  ],
  [
    "67 encoding that was not asked for",
    answers(httpAnswer(gzipSync(VALID), { more: "content-encoding: gzip\r\n" })),
    { kind: "ERROR", reason: "MALFORMED" },
  ],
  [
    "69 80 KB of headers",
    answers(httpAnswer(VALID, { more: `x: ${"y".repeat(80_000)}\r\n` })),
    { kind: "ERROR", reason: "TOO_LARGE" },
  ],
  ["70 200 KB body", answers(httpAnswer(big(200_000))), { kind: "ERROR", reason: "TOO_LARGE" }],
  ["just below 64 KiB", answers(httpAnswer(big(65_000))), { kind: "VALID" }],
  ["72 never answers", () => undefined, { kind: "ERROR", reason: "TIMEOUT" }],
  [
    "73 endless drip",
    (socket) => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n");
      const drip = setInterval(() => socket.write(" "), 20);
      socket.on("close", () => clearInterval(drip));
    },
    { kind: "ERROR", reason: "TIMEOUT" },
  ],
  [
    "74 reset in mid-body",
    (socket) =>
      void socket.on("data", () => {
        socket.write(
          "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
          () => socket.resetAndDestroy(),
        );
      }),
    { kind: "ERROR", reason: "UNREACHABLE" },
  ],
  ["75 closed at once", (socket) => socket.destroy(), { kind: "ERROR", reason: "UNREACHABLE" }],
  ["not HTTP", answers(Buffer.from("SSH-2.0-OpenSSH_9.9\r\n")), { kind: "ERROR", reason: "MALFORMED" }],
  [
    "a Connect error",
    answers(
      httpAnswer('{"code":"canceled","message":"<script>alert(1)</script>"}', { status: "408 Timeout" }),
    ),
    { kind: "ERROR", reason: "REFUSED" },
  ],
  [
    "100 deep context and more",
    answers(httpAnswer(`{"verdict":"VERDICT_VALID","context":${'{"a":'.repeat(102)}1${"}".repeat(102)}}`)),
    { kind: "ERROR" },
  ],
  [
    "U+0000 in the context",
    answers(httpAnswer('{"verdict":"VERDICT_VALID","context":{"a":"\\u0000"}}')),
    { kind: "ERROR", reason: "NOT_STORABLE" },
  ],
  [
    "one byte at a time",
    (socket) =>
      void socket.on("data", async () => {
        for (const byte of httpAnswer(VALID))
          await new Promise((sent) => socket.write(Buffer.from([byte]), sent));
      }),
    { kind: "VALID" },
  ],
];

describe("a misbehaving HTTP validator", () => {
  test.each(rows)("%s", async (_, serve, expected) => {
    const server = await startRawServer(serve);
    const url = `http://127.0.0.1:${server.port}/validate`;
    const startedMs = performance.now();
    const verdict = await client.validate({ url, timeoutMs: TIMEOUT_MS }, question, limits());
    expect(verdict).toMatchObject(expected);
    expect(performance.now() - startedMs).toBeLessThan(TIMEOUT_MS + 500);
    if (verdict.kind === "ERROR") {
      expect(verdict.message).toContain(url);
      expect(Buffer.byteLength(verdict.message)).toBeLessThan(2000);
    }
    await server.close();
    expect(await client.validate({ url: good.url }, question, limits())).toMatchObject({ kind: "VALID" });
  });

  test("70: large answers leave the memory flat", async () => {
    const server = await startRawServer(answers(httpAnswer(big(2_000_000))));
    const ask = () =>
      client
        .validate({ url: `http://127.0.0.1:${server.port}` }, question, limits())
        .then(({ kind }) => expect(kind).toBe("ERROR"));
    for (let call = 0; call < 20; call += 1) await ask();
    const before = process.memoryUsage().arrayBuffers;
    for (let call = 0; call < 100; call += 1) await ask();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(30 * 1024 * 1024);
    await server.close();
  });
});

test("connections are reused, and the question is POSTed to the path as it stands or to Connect's", async () => {
  const requests: string[] = [];
  const server = await startRawServer((socket) =>
    socket.on("data", (data) => {
      requests.push(data.toString());
      socket.write(httpAnswer(VALID));
    }),
  );
  const at = `http://127.0.0.1:${server.port}`;
  for (const path of ["", "/", "/my/handler"]) await client.validate({ url: at + path }, question, limits());
  for (let call = 0; call < 30; call += 1) await client.validate({ url: at }, question, limits());
  // A connection is free again a moment after its answer is read, so a second one may be opened meanwhile.
  expect(server.connections()).toBeLessThanOrEqual(2);
  expect(requests.slice(0, 3).map((request) => request.split(" ")[1])).toEqual([
    "/dispatcher.validator.v1.ValidatorService/Validate",
    "/dispatcher.validator.v1.ValidatorService/Validate",
    "/my/handler",
  ]);
  expect(requests[2]).toMatch(/connect-timeout-ms: (1\d{3}|2000)\r\n/);
  await server.close();
});

test("a caller that goes away ends the call", async () => {
  const server = await startRawServer(() => undefined);
  const controller = new AbortController();
  const call = client.validate({ url: `http://127.0.0.1:${server.port}` }, question, {
    signal: controller.signal,
  });
  await expect.poll(server.connections).toBe(1);
  controller.abort(new Error("gone"));
  await expect(call).rejects.toThrow("gone");
  await server.close();
});

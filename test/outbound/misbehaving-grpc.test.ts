import { once } from "node:events";
import { createServer as createHttp1Server } from "node:http";
import { connect, type Socket } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  Verdict as Answer,
  ValidateResponseSchema,
} from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { createValidatorClient, type ValidatorClient } from "../../src/outbound/validator-client.ts";
import { freeAddress } from "../support/free-address.ts";
import { question } from "../support/question.ts";
import {
  answerParts,
  answerStatus,
  frame,
  GRPC_HEADERS,
  type ServeStream,
  startRawGrpcServer,
} from "../support/raw-grpc-server.ts";
import { startRawServer } from "../support/raw-server.ts";
import { startGrpcValidator, type ValidatorHost } from "../support/validator-host.ts";

const TIMEOUT_MS = 400;

let client: ValidatorClient;
let good: ValidatorHost;
beforeAll(async () => {
  client = createValidatorClient({});
  good = await startGrpcValidator(() => ({ verdict: Answer.VALID }));
});
afterAll(async () => {
  await client.close();
  await good.stop();
});

const limits = () => ({ signal: new AbortController().signal });

const valid = frame(
  toBinary(ValidateResponseSchema, create(ValidateResponseSchema, { verdict: Answer.VALID })),
);

const ok = { "grpc-status": "0" };

/** Where it is not FAILED: the stream was refused, or the peer has other demands on TLS. */
const RESET_REASONS: Readonly<Record<number, string>> = { 7: "UNREACHABLE", 12: "REFUSED" };

const rows: [string, ServeStream, Record<string, unknown>][] = [
  ["a well-formed answer", (stream) => answerParts(stream, [valid], ok), { kind: "VALID" }],
  [
    "no grpc-status",
    (stream) => answerParts(stream, [valid], undefined),
    { kind: "ERROR", reason: "FAILED" },
  ],
  ["OK without a message", (stream) => answerParts(stream, [], ok), { kind: "ERROR", reason: "MALFORMED" }],
  [
    "an empty message",
    (stream) => answerParts(stream, [frame(Buffer.alloc(0))], ok),
    { kind: "ERROR", reason: "NO_VERDICT" },
  ],
  ["two messages", (stream) => answerParts(stream, [valid, valid], ok), { kind: "ERROR" }],
  [
    "a failure in the headers, and a body all the same",
    (stream) => {
      stream.respond({ ...GRPC_HEADERS, "grpc-status": "13" });
      stream.end(valid);
    },
    { kind: "ERROR", reason: "FAILED" },
  ],
  [
    "grpc-status 99",
    (stream) => answerParts(stream, [valid], { "grpc-status": "99" }),
    { kind: "ERROR", reason: "FAILED" },
  ],
  [
    "grpc-status that is no number",
    (stream) => answerParts(stream, [valid], { "grpc-status": "fine" }),
    { kind: "ERROR", reason: "FAILED" },
  ],
  [
    "bytes that are no message",
    (stream) => answerParts(stream, [frame(Buffer.from("hello world"))], ok),
    { kind: "ERROR", reason: "MALFORMED" },
  ],
  [
    "a frame longer than what follows",
    (stream) => answerParts(stream, [Buffer.from([0, 0, 0, 1, 0, 8])], ok),
    { kind: "ERROR", reason: "MALFORMED" },
  ],
  [
    "above 64 KiB",
    (stream) => answerParts(stream, [frame(Buffer.alloc(200_000))], ok),
    { kind: "ERROR", reason: "TOO_LARGE" },
  ],
  ["UNIMPLEMENTED", answerStatus("12", "unknown service"), { kind: "ERROR", reason: "REFUSED" }],
  ["INVALID_ARGUMENT", answerStatus("3", "no"), { kind: "ERROR", reason: "REFUSED" }],
  ["PERMISSION_DENIED", answerStatus("7", "no"), { kind: "ERROR", reason: "REFUSED" }],
  ["UNKNOWN", answerStatus("2", "Traceback"), { kind: "ERROR", reason: "FAILED" }],
  ["INTERNAL", answerStatus("13", "panic"), { kind: "ERROR", reason: "FAILED" }],
  ["UNAVAILABLE", answerStatus("14", "overloaded"), { kind: "ERROR", reason: "FAILED" }],
  ["CANCELLED by the server", answerStatus("1", "gave up"), { kind: "ERROR", reason: "FAILED" }],
  [
    "a web page",
    (stream) => {
      stream.respond({ ":status": 200, "content-type": "text/html" });
      stream.end("<html>");
    },
    { kind: "ERROR", reason: "MALFORMED" },
  ],
  [
    "another codec",
    (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc+json" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers(ok));
      stream.end(frame(Buffer.from('{"verdict":"VERDICT_VALID"}')));
    },
    { kind: "ERROR", reason: "MALFORMED" },
  ],
  [
    "HTTP 404",
    (stream) => stream.respond({ ":status": 404 }, { endStream: true }),
    { kind: "ERROR", reason: "REFUSED" },
  ],
  [
    "HTTP 503",
    (stream) => stream.respond({ ":status": 503 }, { endStream: true }),
    { kind: "ERROR", reason: "FAILED" },
  ],
  ...Array.from({ length: 14 }, (_, code): [string, ServeStream, Record<string, unknown>] => [
    `RST_STREAM ${code}`,
    (stream) => stream.close(code),
    { kind: "ERROR", reason: RESET_REASONS[code] ?? "FAILED" },
  ]),
  ["GOAWAY before the answer", (_, session) => session.goaway(0, 0), { kind: "ERROR" }],
  [
    "the connection reset",
    (_, session) => session.socket.destroy(),
    { kind: "ERROR", reason: "UNREACHABLE" },
  ],
  ["no answer", () => undefined, { kind: "ERROR", reason: "TIMEOUT" }],
];

describe("a misbehaving gRPC validator", () => {
  test.each(rows)("%s", async (_, onStream, expected) => {
    const server = await startRawGrpcServer(onStream);
    const startedMs = performance.now();
    const verdict = await client.validate({ url: server.url, timeoutMs: TIMEOUT_MS }, question, limits());
    expect(verdict).toMatchObject(expected);
    expect(performance.now() - startedMs).toBeLessThan(TIMEOUT_MS + 500);
    if (verdict.kind === "ERROR") expect(verdict.message).toContain(server.url);
    await server.close();
    expect(await client.validate({ url: good.url }, question, limits())).toMatchObject({ kind: "VALID" });
  });

  test.each<[string, (socket: Socket) => void, string]>([
    ["accepts and never speaks", () => undefined, "TIMEOUT"],
    ["closes at once", (socket) => socket.destroy(), "UNREACHABLE"],
    ["speaks something else", (socket) => void socket.write("SSH-2.0-OpenSSH_9.9\r\n"), "MALFORMED"],
  ])("a server that %s", async (_, onSocket, reason) => {
    const server = await startRawServer(onSocket);
    const url = `grpc://127.0.0.1:${server.port}`;
    const startedMs = performance.now();
    const verdict = await client.validate({ url, timeoutMs: TIMEOUT_MS }, question, limits());
    expect(performance.now() - startedMs).toBeLessThan(TIMEOUT_MS + 500);
    expect(verdict).toMatchObject({ kind: "ERROR" });
    expect(["TIMEOUT", reason]).toContain(verdict.kind === "ERROR" ? verdict.reason : "");
    await server.close();
  });

  test("an HTTP/1.1 server", async () => {
    const server = createHttp1Server((_, response) => response.end("hello"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const url = `grpc://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
    expect(await client.validate({ url, timeoutMs: TIMEOUT_MS }, question, limits())).toMatchObject({
      kind: "ERROR",
    });
    server.closeAllConnections();
    server.close();
  });

  test("one byte at a time", async () => {
    const target = new URL(good.url.replace("grpc:", "http:"));
    const server = await startRawServer((socket) => {
      const upstream = connect(Number(target.port), target.hostname);
      socket.on("close", () => upstream.destroy());
      upstream.on("error", () => socket.destroy());
      socket.pipe(upstream);
      upstream.on("data", async (data) => {
        for (const byte of data) socket.write(Buffer.from([byte]));
      });
    });
    const url = `grpc://127.0.0.1:${server.port}`;
    expect(await client.validate({ url }, question, limits())).toMatchObject({ kind: "VALID" });
    await server.close();
  });
});

test("nothing listens: told at once, and the next call after the application has come back succeeds", async () => {
  const address = await freeAddress();
  const url = `grpc://${address}`;
  for (let call = 0; call < 3; call += 1) {
    const startedMs = performance.now();
    const verdict = await client.validate({ url }, question, limits());
    expect(verdict).toMatchObject({ kind: "ERROR", reason: "UNREACHABLE" });
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  }
  const back = await startGrpcValidator(() => ({ verdict: Answer.VALID }), {
    port: Number(address.split(":")[1]),
  });
  expect(await client.validate({ url }, question, limits())).toMatchObject({ kind: "VALID" });
  await back.stop();
});

test("a caller that goes away ends the call", async () => {
  const host = await startGrpcValidator(() => new Promise(() => undefined));
  const controller = new AbortController();
  const call = client.validate({ url: host.url }, question, { signal: controller.signal });
  await expect.poll(() => host.calls.length).toBe(1);
  controller.abort(new Error("gone"));
  await expect(call).rejects.toThrow("gone");
  await host.stop();
});

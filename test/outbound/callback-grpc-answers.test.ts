import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CallbackClient, createCallbackClient } from "../../src/outbound/callback-client.ts";
import { effectMessage } from "../support/effect.ts";
import {
  answerParts,
  answerStatus,
  frame,
  GRPC_HEADERS,
  type ServeStream,
  startRawGrpcServer,
} from "../support/raw-grpc-server.ts";

const TIMEOUT_MS = 400;

let client: CallbackClient;
beforeAll(() => {
  client = createCallbackClient();
});
afterAll(() => client.close());

const limits = () => ({
  signal: new AbortController().signal,
  defaultTimeoutMs: TIMEOUT_MS,
  attempt: 1,
});

const done = { kind: "done" };
const failed = (reason: string) => ({ kind: "failed", reason });
const open = (reason: string) => ({ kind: "unanswered", reason });

const ok = { "grpc-status": "0" };
const empty = frame(Buffer.alloc(0));

/** A frame whose message is said to be compressed. */
function compressed(bytes: Buffer): Buffer {
  const framed = frame(bytes);
  framed[0] = 1;
  return framed;
}

/** Answers with another content type. */
function inType(type: string, trailers: Record<string, string>, httpStatus = 200): ServeStream {
  return (stream) => {
    stream.respond({ ":status": httpStatus, "content-type": type }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end(frame(Buffer.from("{}")));
  };
}

/** What each status of the receiver means, all of them "not done". */
const STATUSES: Readonly<Record<number, string>> = {
  1: "FAILED",
  2: "FAILED",
  3: "REFUSED",
  4: "TIMEOUT",
  5: "REFUSED",
  6: "REFUSED",
  7: "REFUSED",
  8: "FAILED",
  9: "REFUSED",
  10: "FAILED",
  11: "REFUSED",
  12: "REFUSED",
  13: "FAILED",
  14: "FAILED",
  15: "REFUSED",
  16: "REFUSED",
  99: "FAILED",
};

/** With these resets HTTP/2 says that the stream was not handled; of all others nobody knows. */
const UNHANDLED_RESET = 7;

const rows: [string, ServeStream, Record<string, unknown>][] = [
  ["OK", (stream) => answerParts(stream, [empty], ok), done],
  ["OK without a message", (stream) => answerParts(stream, [], ok), done],
  ["OK and nothing else", answerStatus("0"), done],
  [
    "OK with bytes that are no message",
    (stream) => answerParts(stream, [frame(Buffer.from("hi"))], ok),
    done,
  ],
  ["OK in another codec", inType("application/grpc+json", ok), done],
  ...Object.entries(STATUSES).flatMap(([code, reason]): [string, ServeStream, Record<string, unknown>][] => [
    [`status ${code}`, answerStatus(code, "no"), failed(reason)],
    [
      `status ${code} after headers`,
      (stream) => answerParts(stream, [], { "grpc-status": code }),
      failed(reason),
    ],
    [
      `status ${code} after a message`,
      (stream) => answerParts(stream, [empty], { "grpc-status": code }),
      failed(reason),
    ],
  ]),
  [
    "DEADLINE_EXCEEDED when the time is up",
    (stream) => setTimeout(() => answerStatus("4")(stream, stream.session as never), TIMEOUT_MS - 10),
    open("TIMEOUT"),
  ],
  ["HTTP 404", (stream) => stream.respond({ ":status": 404 }, { endStream: true }), failed("REFUSED")],
  ["HTTP 503", (stream) => stream.respond({ ":status": 503 }, { endStream: true }), failed("FAILED")],
  ["a web page with HTTP 404", inType("text/html", {}, 404), failed("MALFORMED")],
  ["a web page", inType("text/html", {}), open("MALFORMED")],
  ["no grpc-status", (stream) => answerParts(stream, [empty], undefined), open("FAILED")],
  ["two messages", (stream) => answerParts(stream, [empty, empty], ok), open("MALFORMED")],
  [
    "messages without end",
    (stream) => {
      stream.respond(GRPC_HEADERS);
      const write = () => {
        while (!stream.destroyed && stream.write(empty));
      };
      stream.on("drain", write);
      write();
    },
    open("MALFORMED"),
  ],
  ["16 KiB", (stream) => answerParts(stream, [frame(Buffer.alloc(16 * 1024))], ok), done],
  [
    "more than 16 KiB",
    (stream) => answerParts(stream, [frame(Buffer.alloc(16 * 1024 + 1))], ok),
    open("TOO_LARGE"),
  ],
  [
    "a message as if compressed",
    (stream) => answerParts(stream, [compressed(Buffer.from("x"))], ok),
    open("FAILED"),
  ],
  [
    "broken compression",
    (stream) => {
      stream.respond({ ...GRPC_HEADERS, "grpc-encoding": "gzip" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers(ok));
      stream.end(compressed(Buffer.from("x")));
    },
    open("FAILED"),
  ],
  [
    "too much compressed",
    (stream) => {
      stream.respond({ ...GRPC_HEADERS, "grpc-encoding": "gzip" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers(ok));
      stream.end(compressed(gzipSync(Buffer.alloc(1_000_000))));
    },
    open("TOO_LARGE"),
  ],
  ...Array.from({ length: 14 }, (_, code): [string, ServeStream, Record<string, unknown>] => [
    `RST_STREAM ${code}`,
    (stream) => stream.close(code),
    code === UNHANDLED_RESET ? failed("UNREACHABLE") : { kind: "unanswered" },
  ]),
  ...Array.from({ length: 14 }, (_, code): [string, ServeStream, Record<string, unknown>] => [
    `RST_STREAM ${code} after headers`,
    (stream) => {
      stream.respond(GRPC_HEADERS);
      setImmediate(() => stream.close(code));
    },
    { kind: "unanswered" },
  ]),
  ["GOAWAY before the answer", (_, session) => session.goaway(0, 0), { kind: "unanswered" }],
  ["the connection reset", (_, session) => session.socket.destroy(), open("UNREACHABLE")],
  [
    "the connection reset after headers",
    (stream, session) => {
      stream.respond(GRPC_HEADERS);
      setImmediate(() => session.socket.destroy());
    },
    open("FAILED"),
  ],
  ["nothing", () => undefined, open("TIMEOUT")],
  ["headers and nothing more", (stream) => stream.respond(GRPC_HEADERS), open("TIMEOUT")],
];

describe("a callback receiver over gRPC that answers", () => {
  test.each(rows)("%s", async (name, serve, expected) => {
    let streams = 0;
    const server = await startRawGrpcServer((stream, session) => {
      streams += 1;
      serve(stream, session);
    });
    const result = await client.deliver({ url: server.url }, effectMessage, limits());
    expect(result).toMatchObject(expected);
    expect(result.durationMs).toBeLessThan(TIMEOUT_MS + 500);
    if (result.kind !== "done") expect(result.message).toMatch(new RegExp(`^${server.url} .*: \\w`, "s"));
    // What HTTP/2 calls not handled may be sent again, and is, once.
    expect(streams).toBe(name === `RST_STREAM ${UNHANDLED_RESET}` ? 2 : 1);
    await server.close();
  });

  test("a message without end leaves the memory flat", async () => {
    const chunk = Buffer.alloc(64 * 1024);
    const head = Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]);
    const server = await startRawGrpcServer((stream) => {
      stream.respond(GRPC_HEADERS);
      stream.write(head);
      const write = () => {
        while (!stream.destroyed && stream.write(chunk));
      };
      stream.on("drain", write);
      write();
    });
    const deliver = () => client.deliver({ url: server.url }, effectMessage, limits());
    for (let call = 0; call < 10; call += 1) await deliver();
    const before = process.memoryUsage().arrayBuffers;
    for (let call = 0; call < 50; call += 1) expect(await deliver()).toMatchObject(open("TOO_LARGE"));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * 1024 * 1024);
    await server.close();
  });
});

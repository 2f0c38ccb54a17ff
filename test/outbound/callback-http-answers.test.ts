import type { Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type CallbackClient,
  createCallbackClient,
  type DeliveryResult,
} from "../../src/outbound/callback-client.ts";
import { type CallbackHost, startHttpCallback } from "../support/callback-host.ts";
import { effectMessage } from "../support/effect.ts";
import { answers, httpAnswer, startRawServer } from "../support/raw-server.ts";

const TIMEOUT_MS = 400;
const DAY_MS = 24 * 3_600_000;

let client: CallbackClient;
let other: CallbackHost;
beforeAll(async () => {
  client = createCallbackClient();
  other = await startHttpCallback();
});
afterAll(async () => {
  await client.close();
  await other.stop();
});

const limits = () => ({
  signal: new AbortController().signal,
  defaultTimeoutMs: TIMEOUT_MS,
  attempt: 1,
});

const respond = (status: string, body = "", more = "") => answers(httpAnswer(body, { status, more }));
const refused = (reason: string, message: RegExp) => ({
  kind: "failed",
  reason,
  message: expect.stringMatching(message),
});
const open = (reason: string) => ({ kind: "unanswered", reason });

/** Answers the first request with a head, and then writes for as long as somebody reads. */
function endless(status: string): (socket: Socket) => void {
  const chunk = Buffer.alloc(16 * 1024, "x");
  return (socket) =>
    void socket.once("data", () => {
      socket.write(`HTTP/1.1 ${status}\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n`);
      const write = () => {
        while (!socket.destroyed && socket.write(`4000\r\n${chunk}\r\n`));
      };
      socket.on("drain", write);
      write();
    });
}

/** Answers with a head that promises more than comes; then waits, or resets the connection. */
function half(status: string, then: "wait" | "reset"): (socket: Socket) => void {
  return (socket) =>
    void socket.on("data", () =>
      socket.write(`HTTP/1.1 ${status}\r\ncontent-type: text/plain\r\ncontent-length: 99\r\n\r\nhalf`, () => {
        if (then === "reset") socket.resetAndDestroy();
      }),
    );
}

/** Answers just before the time that the request names is up. */
function late(status: string): (socket: Socket) => void {
  return (socket) =>
    void socket.once("data", (data) => {
      const [, ms] = /connect-timeout-ms: (\d+)/.exec(data.toString()) ?? [];
      setTimeout(() => socket.write(httpAnswer("", { status })), Number(ms) - 10);
    });
}

const done = { kind: "done" };

const rows: [string, (socket: Socket) => void, Record<string, unknown>][] = [
  ["200 with nothing", respond("200 OK"), done],
  ["200 with a web page", answers(httpAnswer("<html>", { type: "text/html" })), done],
  ["200 with an error in its body", respond("200 OK", '{"code":"internal","message":"no"}'), done],
  ["201", respond("201 Created", "{}"), done],
  ["202", respond("202 Accepted"), done],
  ["204", answers(Buffer.from("HTTP/1.1 204 No Content\r\n\r\n")), done],
  ["299", respond("299 Whatever"), done],
  ["200, reset amid the body", half("200 OK", "reset"), done],
  ["200, and the body never ends", half("200 OK", "wait"), done],
  [
    "200 without a length, ended by closing",
    (s) => s.once("data", () => s.end("HTTP/1.1 200 OK\r\n\r\nx")),
    done,
  ],
  [
    "103 and then 200",
    answers(Buffer.concat([Buffer.from("HTTP/1.1 103 Early Hints\r\n\r\n"), httpAnswer("")])),
    done,
  ],
  [
    "302",
    (socket) => respond("302 Found", "", `location: ${other.url}\r\n`)(socket),
    refused("REFUSED", /HTTP 302: redirects are not followed; register the final address, it names "http:/),
  ],
  ["304", respond("304 Not Modified"), refused("REFUSED", /HTTP 304: redirects are not followed/)],
  [
    "400",
    respond("400 Bad Request", '{"message":"no such order"}'),
    refused(
      "REFUSED",
      /HTTP 400 \("no such order"\): see the callback receiver's log; a status from 200 to 299/,
    ),
  ],
  ["401", respond("401 Unauthorized"), refused("REFUSED", /receivers are called without credentials/)],
  ["404", respond("404 Not Found"), refused("REFUSED", /HTTP 404: look whether the path is right/)],
  ["405", respond("405 Method Not Allowed"), refused("REFUSED", /accept POST/)],
  ["409", respond("409 Conflict"), refused("REFUSED", /a status from 200 to 299 is what means/)],
  ["429", respond("429 Slow down"), refused("FAILED", /HTTP 429: it is asked more than it can take/)],
  [
    "500",
    respond("500 Oops", '{"message":"boom"}'),
    refused("FAILED", /\("boom"\): see the callback receiver's/),
  ],
  ["503", respond("503 Unavailable"), refused("FAILED", /HTTP 503/)],
  ["408, early", respond("408 Timeout"), refused("TIMEOUT", /HTTP 408/)],
  ["504, early", respond("504 Timeout"), refused("TIMEOUT", /HTTP 504/)],
  ["504, when the time is up", late("504 Timeout"), open("TIMEOUT")],
  ["500, reset amid the body", half("500 Oops", "reset"), refused("FAILED", /HTTP 500 \("half"\)/)],
  ["500, and the body never ends", half("500 Oops", "wait"), refused("FAILED", /HTTP 500 \("half"\)/)],
  ["500 with an endless body", endless("500 Oops"), refused("FAILED", /HTTP 500 \("x{300}…"\)/)],
  ["200 with an endless body", endless("200 OK"), done],
  ["103 and nothing more", answers(Buffer.from("HTTP/1.1 103 Early Hints\r\n\r\n")), open("TIMEOUT")],
  ["nothing", () => undefined, open("TIMEOUT")],
  ["half a head", answers(Buffer.from("HTTP/1.1 200 OK\r\ncontent-")), open("TIMEOUT")],
  ["80 KB of headers", respond("200 OK", "", `x: ${"y".repeat(80_000)}\r\n`), open("TOO_LARGE")],
  ["something else than HTTP", answers(Buffer.from("SSH-2.0-OpenSSH_9.9\r\n")), open("MALFORMED")],
  ["closed after the request", (socket) => void socket.on("data", () => socket.end()), open("UNREACHABLE")],
  ["reset after it", (s) => void s.on("data", () => s.resetAndDestroy()), open("UNREACHABLE")],
];

describe("a callback receiver over HTTP that answers", () => {
  test.each(rows)("%s", async (_, serve, expected) => {
    let requests = 0;
    const server = await startRawServer((socket) => {
      socket.on("data", (data) => {
        requests += Number(data.includes("POST /"));
      });
      serve(socket);
    });
    const url = `http://127.0.0.1:${server.port}/effect`;
    const result = await client.deliver({ url }, effectMessage, limits());
    expect(result).toMatchObject(expected);
    expect(result.durationMs).toBeLessThan(TIMEOUT_MS + 500);
    if (result.kind !== "done") expect(result.message).toMatch(new RegExp(`^${url} .*: \\w`, "s"));
    expect(requests).toBe(1);
    await server.close();
    expect(other.calls).toHaveLength(0);
  });

  test("200 is done at once, whatever follows", async () => {
    const server = await startRawServer(half("200 OK", "wait"));
    const url = `http://127.0.0.1:${server.port}`;
    const result = await client.deliver({ url, timeoutMs: 20_000 }, effectMessage, limits());
    expect(result).toMatchObject({ kind: "done" });
    expect(result.durationMs).toBeLessThan(5000);
    await server.close();
  });

  test.each(["200 OK", "500 Oops"])("%s and without end leaves the memory flat", async (status) => {
    const sockets: Socket[] = [];
    const server = await startRawServer((socket) => {
      sockets.push(socket);
      endless(status)(socket);
    });
    const deliver = () => client.deliver({ url: `http://127.0.0.1:${server.port}` }, effectMessage, limits());
    for (let call = 0; call < 10; call += 1) await deliver();
    const before = process.memoryUsage().arrayBuffers;
    for (let call = 0; call < 50; call += 1) await deliver();
    await expect.poll(() => sockets.filter(({ closed }) => closed).length).toBe(60);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * 1024 * 1024);
    // No more of it is taken than fits on the way.
    for (const { bytesWritten } of sockets) expect(bytesWritten).toBeLessThan(8 * 1024 * 1024);
    await server.close();
  });
});

describe("Retry-After", () => {
  const at = (ms: number) => new Date(Date.now() + ms);
  const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const clock = (date: Date) => date.toISOString().slice(11, 19);
  const day = (date: Date) => days[date.getUTCDay()] ?? "";
  const month = (date: Date) => months[date.getUTCMonth()] ?? "";
  const two = (number: number) => String(number).padStart(2, "0");
  /** The two forms that nobody should write any more, and everybody has to read. */
  const rfc850 = (date: Date) =>
    `${day(date)}, ${two(date.getUTCDate())}-${month(date)}-${two(date.getUTCFullYear() % 100)} ${clock(date)} GMT`;
  const asctime = (date: Date) =>
    `${day(date).slice(0, 3)} ${month(date)} ${String(date.getUTCDate()).padStart(2)} ${clock(date)} ${date.getUTCFullYear()}`;
  const about = (ms: number) =>
    expect.toSatisfy((value: number) => value > ms - 10_000 && value <= ms, `nearly ${ms}`);

  test.each<[string, () => string, unknown]>([
    ["seconds", () => "120", 120_000],
    ["none", () => "0", 0],
    ["a date", () => at(60_000).toUTCString(), about(60_000)],
    ["a date of RFC 850", () => rfc850(at(60_000)), about(60_000)],
    ["a date of asctime", () => asctime(at(60_000)), about(60_000)],
    ["a date gone by", () => at(-60_000).toUTCString(), 0],
    ["a long time", () => "9".repeat(400), DAY_MS],
    ["a far date", () => at(400 * DAY_MS).toUTCString(), DAY_MS],
    ["a fraction", () => "1.5", undefined],
    ["less than nothing", () => "-1", undefined],
    ["words", () => "soon", undefined],
    ["a year", () => "x 2999", undefined],
    ["no date", () => "Mon, 99 Foo 2030 99:99:99 GMT", undefined],
    ["nothing", () => "", undefined],
    ["two values", () => "1\r\nretry-after: 2", undefined],
  ])("%s", async (_, value, expected) => {
    for (const status of ["429 Slow down", "503 Unavailable"]) {
      const server = await startRawServer(respond(status, "", `retry-after: ${value()}\r\n`));
      const result = await client.deliver(
        { url: `http://127.0.0.1:${server.port}` },
        effectMessage,
        limits(),
      );
      expect(result).toMatchObject({ kind: "failed", reason: "FAILED" });
      expect(result).toHaveProperty("retryAfterMs", expected);
      await server.close();
    }
  });
});

describe("a kept connection", () => {
  test("that was closed meanwhile is replaced before anything is sent", async () => {
    const sockets: Socket[] = [];
    const server = await startRawServer((socket) => {
      sockets.push(socket);
      respond("200 OK")(socket);
    });
    const deliver = () => client.deliver({ url: `http://127.0.0.1:${server.port}` }, effectMessage, limits());
    for (let round = 1; round <= 5; round += 1) {
      expect(await deliver()).toMatchObject({ kind: "done" });
      expect(sockets).toHaveLength(round);
      sockets.at(-1)?.end();
      await expect.poll(() => sockets.at(-1)?.closed).toBe(true);
    }
    await server.close();
  });

  test("that is closed just as it is used leaves the effect open, since its request is never sent twice", async () => {
    let requests = 0;
    const server = await startRawServer((socket) => {
      let served = false;
      socket.on("data", () => {
        requests += 1;
        if (served) socket.end();
        else socket.write(httpAnswer("{}"));
        served = true;
      });
    });
    const deliver = () => client.deliver({ url: `http://127.0.0.1:${server.port}` }, effectMessage, limits());
    const results: DeliveryResult[] = [];
    for (let call = 0; call < 8; call += 1) results.push(await deliver());
    expect(results).toContainEqual(expect.objectContaining({ kind: "done" }));
    expect(results).toContainEqual(expect.objectContaining({ kind: "unanswered", reason: "UNREACHABLE" }));
    expect(requests).toBe(8);
    await server.close();
  });
});

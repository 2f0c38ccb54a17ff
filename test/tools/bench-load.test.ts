import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { Server, ServerCredentials, type ServerOptions, type sendUnaryData, status } from "@grpc/grpc-js";
import { afterEach, describe, expect, test } from "vitest";
import { type LoadGenerator, startLoad } from "../../bench/load/load-client.ts";

const PATH = "/test.Test/Call";
const asIs = (bytes: Buffer) => bytes;
let server: Server | undefined;
let load: LoadGenerator;
afterEach(async () => {
  await load.stop();
  server?.forceShutdown();
  server = undefined;
});

type Answer = (request: Buffer, respond: sendUnaryData<Buffer>) => void;

async function start(answer: Answer, options: ServerOptions = {}): Promise<void> {
  const started = new Server(options);
  server = started;
  started.addService(
    {
      call: {
        path: PATH,
        requestStream: false,
        responseStream: false,
        requestSerialize: asIs,
        requestDeserialize: asIs,
        responseSerialize: asIs,
        responseDeserialize: asIs,
      },
    },
    { call: ({ request }: { request: Buffer }, respond: sendUnaryData<Buffer>) => answer(request, respond) },
  );
  const port = await new Promise<number>((bound, reject) => {
    started.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bindPort) =>
      error ? reject(error) : bound(bindPort),
    );
  });
  load = await startLoad({ port, path: PATH });
}

const bodies = (count: number, bytes = 4) =>
  Array.from({ length: count }, (_, index) => {
    const body = Buffer.alloc(bytes);
    body.writeUInt32BE(index);
    return body;
  });

test("every message is sent once and every answer counted, beyond the peer's first window", async () => {
  const seen = new Set<number>();
  await start((request, respond) => {
    seen.add(request.readUInt32BE(0));
    respond(null, request);
  });
  await load.prepare(bodies(6_000, 200));
  for (const operations of [1_000, 5_000]) {
    const result = await load.run({ operations, concurrency: 32 });
    expect(result.operations).toBe(operations);
    expect(result.latenciesMs).toHaveLength(operations);
    expect(Math.min(...result.latenciesMs)).toBeGreaterThan(0);
    expect(result.loadCpuMicros).toBeGreaterThan(0);
  }
  expect(seen.size).toBe(6_000);
});

test.each([1, 20, 128])("%i calls are open at once if so many are wanted, and never more", async (wanted) => {
  const held: (() => void)[] = [];
  let seen = 0;
  let most = 0;
  await start((request, respond) => {
    seen += 1;
    held.push(() => respond(null, request));
    most = Math.max(most, held.length);
    if (held.length === wanted) for (const answer of held.splice(0)) answer();
  });
  await load.prepare(bodies(wanted * 5));
  await load.run({ operations: wanted * 5, concurrency: wanted });
  expect({ seen, most }).toEqual({ seen: wanted * 5, most: wanted });
});

test("errors are told with what the server says, each once", async () => {
  let calls = 0;
  await start((request, respond) => {
    calls += 1;
    const index = request.readUInt32BE(0);
    if (index === 3) respond({ code: status.NOT_FOUND, details: "no such chain: 50 % ü" });
    else if (index > 6) respond({ code: status.ABORTED, details: "lost" });
    else respond(null, request);
  });
  await load.prepare(bodies(10));
  await expect(load.run({ operations: 10, concurrency: 2 })).rejects.toThrow(
    /^4 of 10 calls failed, such as: 5 NOT_FOUND: no such chain: 50 % ü; 10 ABORTED: lost$/,
  );
  expect(calls).toBe(10);
});

test("a run after one that failed is judged by itself", async () => {
  await start((request, respond) =>
    request.readUInt32BE(0) < 2 ? respond({ code: status.ABORTED, details: "lost" }) : respond(null, request),
  );
  await load.prepare(bodies(10));
  await expect(load.run({ operations: 2, concurrency: 2 })).rejects.toThrow("2 of 2 calls failed");
  await expect(load.run({ operations: 8, concurrency: 2 })).resolves.toMatchObject({ operations: 8 });
});

test("a run that is finished begins no more calls, and counts those that the server has seen", async () => {
  let seen = 0;
  await start((request, respond) => {
    seen += 1;
    respond(null, request);
  });
  await load.prepare(bodies(20_000));
  const run = load.run({ operations: 20_000, concurrency: 32 });
  await expect.poll(() => seen).toBeGreaterThan(100);
  load.finish();
  const { operations, latenciesMs } = await run;
  expect(operations).toBe(seen);
  expect(operations).toBeLessThan(20_000);
  expect(latenciesMs).toHaveLength(operations);
  expect(Math.min(...latenciesMs)).toBeGreaterThan(0);
  await load.prepare(bodies(6));
  await expect(load.run({ operations: 6, concurrency: 2 })).resolves.toMatchObject({ operations: 6 });
});

test("no more messages are sent than were prepared", async () => {
  await start((request, respond) => respond(null, request));
  await load.prepare(bodies(3));
  await expect(load.run({ operations: 4, concurrency: 1 })).rejects.toThrow(
    "4 calls are wanted and 3 prepared",
  );
});

test("more calls at once than the server allows are refused, not queued", async () => {
  await start((request, respond) => respond(null, request), { "grpc.max_concurrent_streams": 2 });
  await load.prepare(bodies(100));
  await expect(load.run({ operations: 100, concurrency: 100 })).rejects.toThrow(
    "the server allows 2 calls at once",
  );
});

test("a message that fits into no frame is refused", async () => {
  await start((request, respond) => respond(null, request));
  await load.prepare(bodies(1, 20_000));
  await expect(load.run({ operations: 1, concurrency: 1 })).rejects.toThrow("does not fit into one frame");
});

test("a server that goes away is told, and nobody waits for it then or later", async () => {
  await start(() => server?.forceShutdown());
  await load.prepare(bodies(20));
  const gone = /closed the connection|GOAWAY|reset/;
  await expect(load.run({ operations: 10, concurrency: 2 })).rejects.toThrow(gone);
  await expect(load.run({ operations: 10, concurrency: 2 })).rejects.toThrow(gone);
});

test("a connection that the server has let go of between two runs is opened anew", async () => {
  const sessions: ServerHttp2Session[] = [];
  const idling = createServer()
    .on("session", (session) => sessions.push(session))
    .on("stream", (stream: ServerHttp2Stream) => {
      stream.respond({ "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.from([0, 0, 0, 0, 1, 7]));
    })
    .listen(0, "127.0.0.1");
  await once(idling, "listening");
  load = await startLoad({ port: (idling.address() as AddressInfo).port, path: PATH });
  await load.prepare(bodies(20));
  await load.run({ operations: 10, concurrency: 4 });
  const before = sessions.length;
  await Promise.all(
    sessions.map((session) => {
      session.close();
      return once(session, "close");
    }),
  );
  expect((await load.run({ operations: 10, concurrency: 4 })).operations).toBe(10);
  expect(sessions.length).toBe(2 * before);
  await load.stop();
  idling.close();
});

describe("of answers that a gRPC library does not give", () => {
  const message = Buffer.from([0, 0, 0, 0, 1, 7]);
  let http2Server: Http2Server;
  afterEach(() => {
    http2Server.close();
  });

  async function runAgainst(answer: (stream: ServerHttp2Stream) => void): Promise<unknown> {
    http2Server = createServer().on("stream", answer);
    http2Server.listen(0, "127.0.0.1");
    await once(http2Server, "listening");
    load = await startLoad({ port: (http2Server.address() as AddressInfo).port, path: PATH });
    await load.prepare(bodies(2));
    return load.run({ operations: 2, concurrency: 1 });
  }

  function answerWith(stream: ServerHttp2Stream, sent: Buffer, trailers: Record<string, string>): void {
    stream.respond({ "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end(sent);
  }

  test("an error after a message is an error", async () => {
    const run = runAgainst((stream) => answerWith(stream, message, { "grpc-status": "13" }));
    await expect(run).rejects.toThrow("2 of 2 calls failed, such as: 13 INTERNAL: ");
  });

  test("a stream that is reset after a message is an error", async () => {
    const run = runAgainst((stream) => {
      stream.on("error", () => undefined);
      stream.respond({ "content-type": "application/grpc" });
      stream.write(message, () => stream.destroy(new Error("gone")));
    });
    await expect(run).rejects.toThrow("the stream was reset (2)");
  });

  test("a success without a message is an error", async () => {
    const run = runAgainst((stream) => answerWith(stream, Buffer.alloc(0), { "grpc-status": "0" }));
    await expect(run).rejects.toThrow("a success without a message");
  });

  test("an answer without a gRPC status is an error that names the status of HTTP", async () => {
    const run = runAgainst((stream) => stream.respond({ ":status": 404 }, { endStream: true }));
    await expect(run).rejects.toThrow("no gRPC status, HTTP 404");
  });
});

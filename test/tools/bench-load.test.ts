import { Server, ServerCredentials, type sendUnaryData, status } from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { type LoadGenerator, startLoad } from "../../bench/load/load-client.ts";

const PATH = "/test.Test/Call";
const asIs = (bytes: Buffer) => bytes;
let server: Server;
let load: LoadGenerator;
afterEach(async () => {
  await load.stop();
  server.forceShutdown();
});

type Answer = (request: Buffer, respond: sendUnaryData<Buffer>) => void;

async function start(answer: Answer): Promise<void> {
  server = new Server();
  server.addService(
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
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bindPort) =>
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

test("as many calls are open at once as are wanted", async () => {
  const held: (() => void)[] = [];
  let open = 0;
  await start((request, respond) => {
    open += 1;
    held.push(() => respond(null, request));
    if (open === 20) for (const answer of held) answer();
    else if (open > 20) respond(null, request);
  });
  await load.prepare(bodies(40));
  await load.run({ operations: 40, concurrency: 20 });
  expect(open).toBe(40);
});

test("an error is told with what the server says", async () => {
  await start((request, respond) =>
    request.readUInt32BE(0) === 3
      ? respond({ code: status.NOT_FOUND, details: "no such chain" })
      : respond(null, request),
  );
  await load.prepare(bodies(10));
  await expect(load.run({ operations: 10, concurrency: 2 })).rejects.toThrow(
    "1 of 10 calls failed, such as: 5 NOT_FOUND: no such chain",
  );
});

test("a server that goes away is told, and nobody waits for it", async () => {
  await start(() => server.forceShutdown());
  await load.prepare(bodies(10));
  await expect(load.run({ operations: 10, concurrency: 2 })).rejects.toThrow(
    /closed the connection|GOAWAY|reset/,
  );
});

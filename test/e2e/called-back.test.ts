import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { ConnectError } from "@connectrpc/connect";
import pLimit from "p-limit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { type Clients, createClients, reasonOf } from "../support/client.ts";
import { createTestDatabase } from "../support/database.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";

const WORKERS = 2;
const VALIDATOR_TIMEOUT_MS = 500;

let sidecar: Sidecar;
let clients: Clients;
let app: Server;
let appUrl: string;

/**
 * An application as gunicorn or PHP-FPM run it: every request, also one of its own sidecar, needs one of its few workers
 * until it is answered.
 */
function startApp(): Server {
  const withWorker = pLimit(WORKERS);
  return createServer(async (request, response) => {
    const body = await json(request);
    const answer = await withWorker(
      async (): Promise<object> =>
        request.url === "/checkout" ? checkOut(body as { order: string }) : { verdict: "VERDICT_VALID" },
    );
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
}

/** Resolved once every worker has a checkout, so that all of them wait in Execute at once. */
const everyWorkerIsTaken = Promise.withResolvers<void>();
let taken = 0;

/** Waits in Execute, and so keeps its worker until the validator has answered. */
async function checkOut({ order }: { order: string }): Promise<Checkout> {
  taken += 1;
  if (taken === WORKERS) everyWorkerIsTaken.resolve();
  await everyWorkerIsTaken.promise;
  try {
    const { outcome } = await clients.dispatcher.execute({
      chain: { value: { case: "key", value: keyOf(order) } },
      createIfAbsent: true,
    });
    return { outcome };
  } catch (error) {
    return { order, reason: reasonOf(error), message: ConnectError.from(error).message };
  }
}

type Checkout =
  | { readonly outcome: Outcome }
  | { readonly order: string; readonly reason: string; readonly message: string };

const keyOf = (order: string) => ({
  chainType: "order",
  resources: [{ resourceType: "order", resourceId: order }],
});

beforeAll(async () => {
  sidecar = await startSidecar({ databaseUrl: await createTestDatabase() });
  clients = createClients(sidecar.grpc);
  app = startApp().listen(0, "127.0.0.1");
  await once(app, "listening");
  appUrl = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
  await clients.registry.registerChainType({
    chainType: {
      name: "order",
      states: [{ name: "new", transitions: ["ship"] }],
      transitions: [{ name: "ship", finalState: "done" }],
      validator: {
        url: `${appUrl}/validate`,
        timeout: { seconds: 0n, nanos: VALIDATOR_TIMEOUT_MS * 1_000_000 },
      },
    },
  });
});

afterAll(async () => {
  app?.close();
  app?.closeAllConnections();
  await sidecar?.stop();
});

test("when every worker waits in Execute, the validator's timeout ends it and the message says so", async () => {
  const start = performance.now();

  const answers = await Promise.all(Array.from({ length: WORKERS }, (_, at) => postCheckout(`order ${at}`)));

  const tookMs = performance.now() - start;
  expect(tookMs).toBeGreaterThanOrEqual(VALIDATOR_TIMEOUT_MS);
  expect(tookMs).toBeLessThan(VALIDATOR_TIMEOUT_MS + 5_000);
  // The worker that the first failure sets free may still answer for another order in time.
  const failures = answers.filter((answer) => "reason" in answer);
  expect(failures).not.toEqual([]);
  for (const { order, reason, message } of failures) {
    expect(reason).toBe("VALIDATOR_UNAVAILABLE");
    expect(message).toContain(`${appUrl}/validate did not answer within ${VALIDATOR_TIMEOUT_MS} ms`);
    expect(message).toContain('The chain stays in "new"');
    const { chain } = await clients.dispatcher.getChain({
      chain: { value: { case: "key", value: keyOf(order) } },
    });
    expect(chain).toMatchObject({ state: "new", version: 0n });
  }
});

test("it works again as soon as one worker is free", async () => {
  expect(await postCheckout("another order")).toEqual({ outcome: Outcome.TRANSITIONED });
});

async function postCheckout(order: string): Promise<Checkout> {
  const response = await fetch(`${appUrl}/checkout`, { method: "POST", body: JSON.stringify({ order }) });
  return (await response.json()) as Checkout;
}

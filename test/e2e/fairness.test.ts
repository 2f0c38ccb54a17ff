import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { type Clients, createClients } from "../support/client.ts";
import { createTestDatabase } from "../support/database.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { startGrpcValidator, type ValidatorHost } from "../support/validator-host.ts";

/** Of the slow validator: far above what a quick Execute takes. */
const SLOW_MS = 1_000;
const SLOW_CALLS = 64;
const QUICK_CALLS = 400;

let sidecar: Sidecar;
let clients: Clients;
let quick: ValidatorHost;
let slow: ValidatorHost;
let waiting = 0;
beforeAll(async () => {
  sidecar = await startSidecar({ databaseUrl: await createTestDatabase() });
  clients = createClients(sidecar.grpc);
  quick = await startGrpcValidator(() => ({ verdict: Verdict.VALID }));
  slow = await startGrpcValidator(async () => {
    waiting += 1;
    // Nothing is waited for: to take this long is what this validator is there for.
    await setTimeout(SLOW_MS);
    waiting -= 1;
    return { verdict: Verdict.VALID };
  });
  for (const [name, host] of Object.entries({ quick, slow })) {
    await clients.registry.registerChainType({
      chainType: {
        name,
        validator: { url: host.url },
        transitions: [{ name: "go", finalState: "done" }],
        states: [{ name: "new", transitions: ["go"] }],
      },
    });
  }
});
afterAll(async () => {
  await sidecar.stop();
  await Promise.all([quick.stop(), slow.stop()]);
});

let made = 0;

async function executeNew(chainType: string): Promise<number> {
  made += 1;
  const key = { chainType, resources: [{ resourceType: "cart", resourceId: `${made}` }] };
  const startMs = performance.now();
  const { outcome } = await clients.dispatcher.execute({
    chain: { value: { case: "key", value: key } },
    createIfAbsent: true,
  });
  expect(outcome).toBe(Outcome.TRANSITIONED);
  return performance.now() - startMs;
}

async function quickLatencies(): Promise<number[]> {
  const latencies: number[] = [];
  for (let call = 0; call < QUICK_CALLS; call += 1) latencies.push(await executeNew("quick"));
  return latencies.sort((a, b) => a - b);
}

test("chains on a quick validator do not wait for a slow one's", async () => {
  await quickLatencies();
  let going = true;
  const callers = Array.from({ length: SLOW_CALLS }, async () => {
    while (going) await executeNew("slow");
  });
  await expect.poll(() => waiting).toBeGreaterThan(SLOW_CALLS / 2);
  const beside = await quickLatencies();
  // The slow ones were under way all the time, or nothing was shown.
  expect(waiting).toBeGreaterThan(0);
  going = false;
  await Promise.all(callers);
  // Had they waited for slow validators, most would have taken a second; a single one may meet a busy machine.
  expect(beside[Math.floor(QUICK_CALLS * 0.95)]).toBeLessThan(SLOW_MS / 4);
});

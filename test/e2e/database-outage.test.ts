import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { type Clients, createClients, reasonOf } from "../support/client.ts";
import { checkInvariants, type Observation } from "../support/invariants.ts";
import { type OwnPostgres, startOwnPostgres } from "../support/own-postgres.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { startGrpcValidator, type ValidatorHost } from "../support/validator-host.ts";

const CALLERS = 16;
const POOL = 4;

let postgres: OwnPostgres;
let sidecar: Sidecar;
let clients: Clients;
let host: ValidatorHost;

beforeAll(async () => {
  postgres = await startOwnPostgres();
  sidecar = await startSidecar({ databaseUrl: postgres.url, env: { DISPATCHER_DB_POOL: String(POOL) } });
  clients = createClients(sidecar.grpc);
  host = await startGrpcValidator(() => ({ verdict: Verdict.VALID }));
  await clients.registry.registerChainType({
    chainType: {
      name: "ping",
      validator: { url: host.url },
      transitions: [
        { name: "ping", finalState: "pong" },
        { name: "pong", finalState: "new" },
      ],
      states: [
        { name: "new", transitions: ["ping"] },
        { name: "pong", transitions: ["pong"] },
      ],
    },
  });
});
afterAll(async () => {
  await sidecar.stop();
  await host.stop();
  await postgres.remove();
});

const ready = async () => (await fetch(`http://${sidecar.operations}/readyz`)).status;

test("PostgreSQL stops under load and comes back: clear errors in between, then all goes on without a restart", async () => {
  const observed: Observation[] = [];
  const reasons = new Map<string, number>();
  let successes = 0;
  let isOver = false;

  async function caller(number: number): Promise<void> {
    const resources = [{ resourceType: "caller", resourceId: String(number) }];
    const key = { chainType: "ping", resources };
    let requestId = randomUUID();
    while (!isOver) {
      try {
        const request = {
          chain: { value: { case: "key" as const, value: key } },
          createIfAbsent: true,
          requestId,
        };
        const { outcome, chain, event } = await clients.dispatcher.execute(request);
        expect(outcome).toBe(Outcome.TRANSITIONED);
        observed.push({
          chainId: chain?.id ?? "",
          requestId,
          eventId: event?.id ?? "",
          version: Number(chain?.version),
        });
        successes += 1;
        requestId = randomUUID();
      } catch (error) {
        // The same request id again: an unclear outcome is settled by repeating.
        const reason = reasonOf(error);
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      }
    }
  }
  const callers = Promise.all(Array.from({ length: CALLERS }, (_, number) => caller(number)));

  await expect.poll(() => successes).toBeGreaterThan(50);
  await postgres.stop();
  await expect
    .poll(() => reasons.get("DATABASE_UNAVAILABLE") ?? 0, { timeout: 20_000 })
    .toBeGreaterThan(CALLERS);
  await expect.poll(ready, { timeout: 5_000 }).toBe(503);
  expect((await fetch(`http://${sidecar.operations}/healthz`)).status).toBe(200);

  const before = successes;
  await postgres.start();
  await expect.poll(() => successes, { timeout: 20_000 }).toBeGreaterThan(before + 200);
  await expect.poll(ready, { timeout: 5_000 }).toBe(200);

  // Backends killed one by one under load: every one of them had a place in the pool, which must come back.
  for (let round = 1; round <= 3 * POOL; round += 1) {
    const reached = successes;
    await killOneBackend();
    await expect.poll(() => successes, { timeout: 20_000 }).toBeGreaterThan(reached + CALLERS);
  }
  isOver = true;
  await callers;

  expect(
    [...reasons.keys()].filter((reason) => !["DATABASE_UNAVAILABLE", "COMMIT_UNKNOWN"].includes(reason)),
  ).toEqual([]);
  const { moves } = await checkInvariants(postgres.url, observed);
  expect(moves).toBeGreaterThanOrEqual(successes);
});

async function killOneBackend(): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    await expect
      .poll(async () => {
        const { rowCount } = await client.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where application_name = 'dispatcher' and state <> 'idle' limit 1`,
        );
        return rowCount;
      })
      .toBe(1);
  } finally {
    await client.end();
  }
}

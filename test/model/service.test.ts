import { randomUUID } from "node:crypto";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { type Clients, createClients } from "../support/client.ts";
import { createTestDatabase } from "../support/database.ts";
import { checkInvariants } from "../support/invariants.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { startGrpcValidator, type ValidatorHost } from "../support/validator-host.ts";
import { absent, circle } from "./chain-model.ts";
import { commands, type Subject } from "./commands.ts";

// Replayed by MODEL_SEED=<number>, which every run prints.
const seed = Number(process.env["MODEL_SEED"] ?? Date.now() % 2 ** 31);
const RUNS = 60;
const CLIENTS = 4;
const COMMANDS = 60;

let databaseUrl: string;
let database: pg.Client;
let sidecars: Sidecar[];
let replicas: Clients[];
let host: ValidatorHost;
const valid = new Map<string, ReadonlySet<string>>();

beforeAll(async () => {
  databaseUrl = await createTestDatabase();
  sidecars = await Promise.all([1, 2].map(() => startSidecar({ databaseUrl })));
  replicas = sidecars.map(({ grpc }) => createClients(grpc));
  database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  host = await startGrpcValidator(({ chain, transition }) => ({
    verdict: valid.get(chain?.resources[0]?.resourceId ?? "")?.has(transition)
      ? Verdict.VALID
      : Verdict.INVALID,
  }));
  const { states, transitions } = circle;
  const chainType = {
    name: circle.name,
    transitions: transitions.map((transition) => ({ ...transition })),
    states: states.map((state) => ({ ...state, transitions: [...state.transitions] })),
    validator: { url: host.url },
  };
  await replicas[0]?.registry.registerChainType({ chainType });
});
afterAll(async () => {
  await host.stop();
  await database.end();
  await Promise.all(sidecars.map((sidecar) => sidecar.stop()));
});

/** A chain of its own for one client, whose calls go to the replicas in turn. */
function subject(): Subject {
  const resourceId = randomUUID();
  let calls = 0;
  return {
    replica() {
      calls += 1;
      return replicas[calls % replicas.length] as Clients;
    },
    key: { chainType: circle.name, resources: [{ resourceType: "thing", resourceId }] },
    setValid: (transitions) => valid.set(resourceId, transitions),
    expireClaim: () =>
      database.query(
        `update dispatcher.chain c set claim_expiry = clock_timestamp() from dispatcher.chain_resource r
         where r.chain_id = c.id and r.resource_id = $1 and c.claim_id is not null`,
        [resourceId],
      ),
    token: "",
  };
}

test("several clients at once, each with a chain of its own, see what the model says on whichever replica they ask", {
  timeout: 240_000,
}, async () => {
  console.info(`MODEL_SEED=${seed}`);
  let ran = 0;
  const programs = fc.tuple(...Array.from({ length: CLIENTS }, () => commands(COMMANDS)));
  await fc.assert(
    fc.asyncProperty(programs, async (clients) => {
      await Promise.all(
        clients.map((program) =>
          fc.asyncModelRun(() => ({ model: { chain: absent }, real: subject() }), program),
        ),
      );
      ran += 1;
    }),
    { numRuns: RUNS, seed, endOnFailure: true },
  );
  expect(ran).toBe(RUNS);
  const { moves } = await checkInvariants(databaseUrl, []);
  expect(moves).toBeGreaterThan(RUNS * CLIENTS);
});

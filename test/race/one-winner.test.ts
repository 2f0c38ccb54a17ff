import { randomInt, randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { type Clients, createClients, reasonOf } from "../support/client.ts";
import { createTestDatabase } from "../support/database.ts";
import { checkInvariants, type Observation } from "../support/invariants.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { startGrpcValidator, type ValidatorHost } from "../support/validator-host.ts";

const CALLERS = 64;
const CHAINS = 12;
const STEPS = 6;

let databaseUrl: string;
let sidecars: Sidecar[];
let clients: Clients[];
let host: ValidatorHost;

beforeAll(async () => {
  databaseUrl = await createTestDatabase();
  // Together, so that they race for the migration too.
  sidecars = await Promise.all([1, 2, 3].map(() => startSidecar({ databaseUrl })));
  clients = sidecars.map(({ grpc }) => createClients(grpc));
  host = await startGrpcValidator(({ transition }) =>
    transition === "never" ? { verdict: Verdict.INVALID, errors: ["never"] } : { verdict: Verdict.VALID },
  );
  const states = Array.from({ length: STEPS }, (_, index) => (index === 0 ? "new" : `step-${index}`));
  const chainType = {
    name: "race",
    validator: { url: host.url },
    transitions: [
      { name: "never", finalState: "done" },
      ...states.map((_, index) => ({ name: `go-${index}`, finalState: states[index + 1] ?? "done" })),
    ],
    states: states.map((name, index) => ({ name, transitions: ["never", `go-${index}`] })),
  };
  // All at once: one revision comes of it.
  const answers = await Promise.all(clients.map(({ registry }) => registry.registerChainType({ chainType })));
  expect(answers.filter(({ created }) => created)).toHaveLength(1);
  expect(new Set(answers.map(({ current }) => current?.revision))).toEqual(new Set([1n]));
});
afterAll(async () => {
  await host.stop();
  await Promise.all(sidecars.map((sidecar) => sidecar.stop()));
});

function any<T>(items: readonly T[]): T {
  return items[randomInt(items.length)] as T;
}

test("64 callers on 3 sidecars: one chain per key, one winner per step", async () => {
  const created: string[] = [];
  const ids = new Map<number, Set<string>>();
  const observed: Observation[] = [];
  const lost = { concurrent: 0, repeated: 0 };

  async function caller(): Promise<void> {
    for (let chain = 0; chain < CHAINS; chain += 1) {
      const mappings = ["a", "b", "c"].map((resourceType) => ({
        resourceType,
        resourceId: `${resourceType}${chain}`,
      }));
      const resources = [...mappings, any(mappings)].sort(() => Math.random() - 0.5);
      const found = await any(clients).dispatcher.getOrCreateChain({ key: { chainType: "race", resources } });
      const id = found.chain?.id ?? "";
      if (found.created) created.push(id);
      ids.set(chain, (ids.get(chain) ?? new Set()).add(id));
      for (;;) {
        const requestId = randomUUID();
        const request = {
          chain: { value: { case: "id" as const, value: id } },
          requestId,
          requestedBy: "racer",
        };
        try {
          const answer = await any(clients).dispatcher.execute(request);
          if (answer.outcome === Outcome.ALREADY_FINAL) break;
          expect(answer.outcome).toBe(Outcome.TRANSITIONED);
          const version = Number(answer.chain?.version);
          observed.push({ chainId: id, requestId, eventId: answer.event?.id ?? "", version });
          // Whoever was told of a version never reads an older one afterwards, wherever it asks.
          const read = await any(clients).dispatcher.getChain({ chain: request.chain });
          expect(Number(read.chain?.version)).toBeGreaterThanOrEqual(version);
          const again = await any(clients).dispatcher.execute(request);
          expect(again.event?.id).toBe(answer.event?.id);
          lost.repeated += 1;
        } catch (error) {
          expect(reasonOf(error)).toBe("CONCURRENT_TRANSITION");
          lost.concurrent += 1;
        }
      }
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller));

  expect(created).toHaveLength(CHAINS);
  for (const found of ids.values()) expect(found.size).toBe(1);
  expect(new Set(created).size).toBe(CHAINS);
  expect(observed).toHaveLength(CHAINS * STEPS);
  expect(lost.repeated).toBe(CHAINS * STEPS);
  // Without losers there was no race, and nothing was proved.
  expect(lost.concurrent).toBeGreaterThan(CHAINS);
  expect(await checkInvariants(databaseUrl, observed)).toEqual({ moves: CHAINS * STEPS });
});

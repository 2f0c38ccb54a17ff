import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { createClients, reasonOf } from "../support/client.ts";
import { checkInvariants, type Observation } from "../support/invariants.ts";
import { startTwoSidecars, type TwoSidecars } from "../support/two-sidecars.ts";

const CHAINS = 100;
const STEPS = 5;

let served: TwoSidecars;
beforeAll(async () => {
  served = await startTwoSidecars();
  const steps = Array.from({ length: STEPS }, (_, index) => (index === 0 ? "new" : `step-${index}`));
  await served.one.registry.registerChainType({
    chainType: {
      name: "crowd",
      validator: { url: served.host.url },
      transitions: steps.map((_, index) => ({ name: `go-${index}`, finalState: steps[index + 1] ?? "done" })),
      states: steps.map((name, index) => ({ name, transitions: [`go-${index}`] })),
    },
  });
});
afterAll(() => served.end());

test("two sidecars that group their writes of the same 100 chains finish, without a deadlock and without a lost step", async () => {
  const callers = served.sidecars.map(({ grpc }) => createClients(grpc).dispatcher);
  const [first] = callers;
  const found = await Promise.all(
    Array.from({ length: CHAINS }, (_, index) =>
      first?.getOrCreateChain({
        key: { chainType: "crowd", resources: [{ resourceType: "seat", resourceId: `${index}` }] },
      }),
    ),
  );
  const ids = found.map((answer) => answer?.chain?.id ?? "");
  const observed: Observation[] = [];
  let lost = 0;

  // Each sidecar goes through the chains in its own order, so that their statements would wait for each other.
  const walk = async (dispatcher: (typeof callers)[number], id: string) => {
    for (;;) {
      const requestId = randomUUID();
      try {
        const answer = await dispatcher.execute({ chain: { value: { case: "id", value: id } }, requestId });
        if (answer.outcome === Outcome.ALREADY_FINAL) return;
        const version = Number(answer.chain?.version);
        observed.push({ chainId: id, requestId, eventId: answer.event?.id ?? "", version });
      } catch (error) {
        expect(reasonOf(error)).toBe("CONCURRENT_TRANSITION");
        lost += 1;
      }
    }
  };
  await Promise.all(
    callers.flatMap((dispatcher, index) =>
      (index === 0 ? ids : ids.toReversed()).map((id) => walk(dispatcher, id)),
    ),
  );

  expect(observed).toHaveLength(CHAINS * STEPS);
  expect(lost).toBeGreaterThan(0);
  expect(await checkInvariants(served.databaseUrl, observed)).toEqual({ moves: CHAINS * STEPS });
  const client = new pg.Client(served.databaseUrl);
  await client.connect();
  const { rows } = await client.query(
    "select deadlocks::int from pg_stat_database where datname = current_database()",
  );
  await client.end();
  expect(rows).toEqual([{ deadlocks: 0 }]);
});

import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import type { Clients } from "../support/client.ts";
import { valid } from "../support/judged-shop.ts";
import { type Served, serve } from "../support/served.ts";
import { makeChains, registerParcel, stateCounts, sweep } from "../support/sweep.ts";

let served: Served;
let clients: Clients;
beforeAll(async () => {
  served = await serve();
  clients = served.over.gRPC;
});
afterAll(() => served.end());

const invalid = { verdict: Verdict.INVALID, errors: ["not yet"] };

test("2,000 chains, two sweeps beside each other: each chain once in a sweep, and one step by the two of them", async () => {
  const { name } = await registerParcel(clients, () => valid);
  const ids = await makeChains(clients, name, 2000);
  const filter = { chainType: name, state: "new" };
  const [one, two] = await Promise.all([
    sweep(clients, { filter, concurrency: 16 }),
    sweep(served.over.JSON, { filter, concurrency: 16 }),
  ]);
  for (const { results } of [one, two])
    expect(new Set(results.map(({ chainId }) => chainId)).size).toBe(results.length);
  const moved = [...one.results, ...two.results].filter(
    ({ response }) => response?.outcome === Outcome.TRANSITIONED,
  );
  expect(moved.map(({ chainId }) => chainId).sort()).toEqual(ids.toSorted());
  expect(await stateCounts(served.database, name)).toEqual(["sent v1: 2000"]);
  const others = new Set([...one.results, ...two.results].map(({ errorReason }) => errorReason));
  for (const reason of others) expect(["", "VERSION_MISMATCH", "CONCURRENT_TRANSITION"]).toContain(reason);
});

test("2,000 due chains that do not move, two sweeps beside each other: each has all of them, each once", async () => {
  const { name, host } = await registerParcel(clients, () => invalid);
  const ids = await makeChains(clients, name, 2000);
  await served.database.query(
    "update dispatcher.chain set next_update_time = create_time - random() * interval '1 day' where chain_type = $1 and random() < 0.5",
    [name],
  );
  const filter = { chainType: name, due: true };
  const sweeps = await Promise.all([
    sweep(clients, { filter }),
    sweep(served.over.JSON, { filter, concurrency: 64 }),
  ]);
  for (const { results, summary } of sweeps) {
    expect(results.map(({ chainId }) => chainId).sort()).toEqual(ids.toSorted());
    expect([summary?.noValidTransition, summary?.failed]).toEqual([2000n, 0n]);
  }
  expect(host.calls).toHaveLength(4000);
});

test("chains that are made, moved or become due while it goes on are left to the next sweep", async () => {
  const { name, host } = await registerParcel(clients, async ({ chain }) => {
    await makeChains(clients, name, 1);
    // Due before anything that is still to come, and yet not again in this sweep.
    const dayAgo = new Date(Date.now() - 86_400_000);
    if (chain?.version === 0n) return { ...valid, nextUpdateTime: timestampFromDate(dayAgo) };
    return valid;
  });
  await makeChains(clients, name, 150);
  await served.database.query(
    "update dispatcher.chain set next_update_time = clock_timestamp() - interval '2 days' where chain_type = $1",
    [name],
  );
  const due = await sweep(clients, { filter: { chainType: name, due: true }, concurrency: 3 });
  expect([due.summary?.chains, due.summary?.transitioned]).toEqual([150n, 150n]);
  expect(await stateCounts(served.database, name)).toEqual(["new v0: 150", "sent v1: 150"]);

  const all = await sweep(clients, { filter: { chainType: name }, concurrency: 3 });
  expect([all.summary?.chains, all.summary?.transitioned]).toEqual([300n, 300n]);
  expect(host.calls).toHaveLength(450);
});

test("a chain whose schedule is changed by hand does not come a second time", async () => {
  const { name, host } = await registerParcel(clients, async ({ chain }) => {
    await clients.dispatcher.updateChain({
      chain: { value: { case: "id", value: chain?.id ?? "" } },
      updateMask: { paths: ["next_update_time"] },
      nextUpdateTime: timestampFromDate(new Date(Date.now() - 1000)),
    });
    return invalid;
  });
  await makeChains(clients, name, 120);
  const { summary } = await sweep(clients, { filter: { chainType: name, due: true }, concurrency: 3 });
  expect([summary?.chains, host.calls.length]).toEqual([120n, 120]);
});

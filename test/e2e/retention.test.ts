import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { Registry } from "../../src/engine/registry.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { Retention, type RetentionRun } from "../../src/workers/retention.ts";
import { type Clients, createClients, expectRefusal } from "../support/client.ts";
import { createTestDatabase } from "../support/database.ts";
import { ageChains, HOUR_MS, placeEvents } from "../support/final-chains.ts";
import { checkInvariants } from "../support/invariants.ts";
import { byKey, keyOf, valid } from "../support/judged-shop.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { unique } from "../support/two-sidecars.ts";
import { startGrpcValidator, type ValidatorHost } from "../support/validator-host.ts";

let sidecar: Sidecar;
let clients: Clients;
let host: ValidatorHost;
let databaseUrl: string;
/** Beside the sidecar, as a second replica has them. */
let database: Database;
let registry: Registry;

beforeAll(async () => {
  databaseUrl = await createTestDatabase();
  sidecar = await startSidecar({ databaseUrl });
  clients = createClients(sidecar.grpc);
  host = await startGrpcValidator(() => valid);
  database = await openDatabase({ url: databaseUrl, schema: "dispatcher", poolSize: 1, direct: true });
  registry = new Registry(database);
});
afterAll(async () => {
  await host.stop();
  await sidecar.stop();
  await checkInvariants(databaseUrl, []);
  await database.close();
});

const hours = (count: number) => ({ seconds: BigInt(count * 3600) });
const typeOf = (name: string, retention?: object) => ({
  name,
  validator: { url: host.url },
  transitions: [
    { name: "send", finalState: "sent" },
    { name: "close", finalState: "closed" },
  ],
  states: [
    { name: "new", transitions: ["send"] },
    { name: "sent", transitions: ["close"] },
  ],
  ...(retention && { retention }),
});

/** A chain that has come to its end, with the request id of its last step. */
async function finish(chainType: string) {
  const key = keyOf(chainType);
  const ref = byKey(key);
  await clients.dispatcher.execute({ chain: ref, createIfAbsent: true, requestId: "first" });
  const { chain } = await clients.dispatcher.execute({ chain: ref, requestId: "last" });
  return { key, ref, id: chain?.id ?? "" };
}

const query = (sql: string, values: unknown[]) => database.query(sql, values);
const age = async (byHours: number, ...ids: readonly string[]) => {
  await placeEvents(query);
  await ageChains(query, ids, byHours * HOUR_MS);
};

/** As the sidecar's own loop does once a minute. */
async function runAll(retention = new Retention(database, registry)): Promise<RetentionRun[]> {
  await registry.refresh();
  const runs: RetentionRun[] = [];
  do runs.push(await retention.runOnce());
  while (runs.at(-1)?.isMore);
  return runs;
}
const sum = (runs: readonly RetentionRun[], what: "scheduled" | "pruned" | "forgotten" | "events") =>
  runs.reduce((total, run) => total + run[what], 0);

test("after its time a chain is a tombstone: no events, but its key still answers ALREADY_FINAL", async () => {
  const name = unique("letter");
  await clients.registry.registerChainType({ chainType: typeOf(name, { deleteEventsAfter: hours(24) }) });
  const { key, ref, id } = await finish(name);
  const { ref: younger, id: youngerId } = await finish(name);
  await age(25, id);
  await age(23, youngerId);
  await runAll();
  expect((await clients.dispatcher.listChainEvents({ chain: ref })).events).toEqual([]);
  expect((await clients.dispatcher.listChainEvents({ chain: younger })).events).toHaveLength(2);
  const { chain } = await clients.dispatcher.getChain({ chain: ref });
  expect(chain).toMatchObject({ id, state: "closed", version: 2n, final: true });
  expect(await clients.dispatcher.getOrCreateChain({ key })).toMatchObject({ created: false, chain: { id } });
  // What the request id did is forgotten with its event; the chain does not go a second time all the same.
  const again = await clients.dispatcher.execute({ chain: ref, createIfAbsent: true, requestId: "last" });
  expect(again).toMatchObject({ outcome: Outcome.ALREADY_FINAL, chain: { id, version: 2n } });

  // What is written afterwards stays: it is what the history begins with now.
  await clients.dispatcher.setChainState({ chain: ref, state: "sent", reason: "once more" });
  await clients.dispatcher.execute({ chain: ref });
  const { events } = await clients.dispatcher.listChainEvents({ chain: ref });
  expect(events.map(({ version, finalState }) => [version, finalState])).toEqual([
    [3n, "sent"],
    [4n, "closed"],
  ]);
  await age(25, id);
  await runAll();
  expect((await clients.dispatcher.listChainEvents({ chain: ref })).events).toEqual([]);
});

test("a chain that an operator takes out of its final state is left alone", async () => {
  const name = unique("letter");
  await clients.registry.registerChainType({ chainType: typeOf(name, { forgetAfter: hours(24) }) });
  const { ref, id } = await finish(name);
  await age(25, id);
  await clients.dispatcher.setChainState({ chain: ref, state: "new" });
  await runAll();
  expect((await clients.dispatcher.listChainEvents({ chain: ref })).events).toHaveLength(3);
});

test("a chain that is forgotten makes room for a second journey", async () => {
  const name = unique("letter");
  const retention = { deleteEventsAfter: hours(24), forgetAfter: hours(48) };
  await clients.registry.registerChainType({ chainType: typeOf(name, retention) });
  const { key, ref, id } = await finish(name);
  await age(25, id);
  await runAll();
  expect((await clients.dispatcher.listChainEvents({ chain: ref })).events).toEqual([]);
  expect((await clients.dispatcher.getOrCreateChain({ key })).created).toBe(false);

  await age(24, id);
  await runAll();
  const byId = { value: { case: "id" as const, value: id } };
  for (const call of [
    () => clients.dispatcher.getChain({ chain: ref }),
    () => clients.dispatcher.listChainEvents({ chain: byId }),
    () => clients.dispatcher.execute({ chain: ref, requestId: "last" }),
  ])
    await expectRefusal(call(), Code.NotFound, "CHAIN_NOT_FOUND");
  const second = await clients.dispatcher.getOrCreateChain({ key });
  expect(second.created).toBe(true);
  expect(second.chain?.id).not.toBe(id);
});

test("retention that is registered later holds for chains that are final already; they are looked for once", async () => {
  // Its own loop, which runs once a minute, is not to come in between.
  await sidecar.stop();
  sidecar = await startSidecar({ databaseUrl, succeeds: sidecar });
  const name = unique("letter");
  await clients.registry.registerChainType({ chainType: typeOf(name) });
  const finished = await Promise.all(Array.from({ length: 30 }, () => finish(name)));
  const [old = "", ...others] = finished.map(({ id }) => id);
  await age(30, old);
  await age(20, ...others);
  expect(sum(await runAll(new Retention(database, registry, { settleMs: 0 })), "scheduled")).toBe(0);

  await clients.registry.registerChainType({ chainType: typeOf(name, { deleteEventsAfter: hours(24) }) });
  // Until every sidecar has heard of the revision, nobody looks.
  expect(sum(await runAll(new Retention(database, registry)), "scheduled")).toBe(0);
  const retention = new Retention(database, registry, { settleMs: 0 });
  const runs = await runAll(retention);
  expect([sum(runs, "scheduled"), sum(runs, "pruned"), sum(runs, "events")]).toEqual([30, 1, 2]);

  const reads = async () => {
    await database.query("select pg_stat_force_next_flush()", []);
    const [row] = await database.read<{ reads: string }>(
      "select idx_scan as reads from pg_stat_user_indexes where schemaname = 'dispatcher' and indexrelname = 'chain_by_state'",
      [],
    );
    return Number(row?.reads);
  };
  const before = await reads();
  expect(await runAll(retention)).toHaveLength(1);
  expect(await reads()).toBe(before);

  // A type that keeps everything again.
  await age(10, ...others);
  await clients.registry.registerChainType({
    chainType: {
      ...typeOf(name),
      transitions: [
        { name: "send", finalState: "sent" },
        { name: "close", finalState: "closed", delay: hours(1) },
      ],
    },
  });
  expect(sum(await runAll(retention), "pruned")).toBe(0);
  for (const { ref } of finished.slice(1))
    expect((await clients.dispatcher.listChainEvents({ chain: ref })).events).toHaveLength(2);
});

test("a sidecar does it by itself", async () => {
  const url = await createTestDatabase();
  const first = await startSidecar({ databaseUrl: url });
  const { dispatcher, registry: types } = createClients(first.grpc);
  await types.registerChainType({ chainType: typeOf("letter", { deleteEventsAfter: hours(1) }) });
  const own = await openDatabase({ url, schema: "dispatcher", poolSize: 1, direct: true });
  onTestFinished(() => own.close());
  const ref = byKey(keyOf("letter"));
  await dispatcher.execute({ chain: ref, createIfAbsent: true });
  const { chain } = await dispatcher.execute({ chain: ref });
  expect(await first.stop()).toBe(0);
  const asOwn = (sql: string, values: unknown[]) => own.query(sql, values);
  await placeEvents(asOwn);
  await ageChains(asOwn, [chain?.id ?? ""], 2 * HOUR_MS);

  const second = await startSidecar({ databaseUrl: url });
  const clientsOfSecond = createClients(second.grpc);
  await expect
    .poll(async () => (await clientsOfSecond.dispatcher.listChainEvents({ chain: ref })).events.length)
    .toBe(0);
  expect(await second.stop()).toBe(0);
});

import pg from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Chain } from "../../src/domain/chain.ts";
import type { ChainType } from "../../src/domain/chain-type.ts";
import { hastenNothing } from "../../src/engine/hasten.ts";
import { migrateFirst } from "../../src/engine/migrate-chain.ts";
import { Registry } from "../../src/engine/registry.ts";
import { type ChainStore, createChainStore } from "../../src/store/chain-store.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { listEvents } from "../../src/store/list-events.ts";
import {
  findStrandedChains,
  type Migration,
  migrateChainAlone,
  migrateChains,
} from "../../src/store/migrate-chains.ts";
import { register } from "../../src/store/registry-store.ts";
import { migrateStrandedChains } from "../../src/workers/migrate-chains.ts";
import { makeChain, moveOf, openMigratedDatabase, orderType, readChain } from "../support/store.ts";
import { startWireProxy } from "../support/wire-proxy.ts";

/** `paid` is called `settled` by now. */
const renamed: ChainType = {
  ...orderType,
  transitions: orderType.transitions.map((transition) =>
    transition.name === "pay" ? { ...transition, finalState: "settled" } : transition,
  ),
  states: [
    { name: "new", transitions: ["pay"] },
    { name: "settled", transitions: ["ship", "refund"] },
    { name: "paid", transitions: [], replacedBy: "settled" },
  ],
};
const mappedStates = new Map([["paid", "settled"]]);
const stranded = [{ chainType: "order", state: "paid" }];

let database: Database & { url: string };
let store: ChainStore;
let registry: Registry;
beforeAll(async () => {
  database = await openMigratedDatabase();
  store = createChainStore(database, 128);
  await register(database, async (registration) => {
    await registration.addRevision(renamed, "second", mappedStates);
    await registration.raiseVersion();
  });
  registry = new Registry(database);
  await registry.refresh();
});
afterAll(() => database.close());

/** Chains that were paid under the first revision, which a commit under the second accepts. */
async function paidChains(count: number): Promise<Chain[]> {
  const chains = await Promise.all(Array.from({ length: count }, () => makeChain(database)));
  const results = await Promise.all(chains.map((chain) => store.commit(moveOf(chain))));
  expect(new Set(results.map(({ kind }) => kind))).toEqual(new Set(["moved"]));
  return Promise.all(chains.map(({ id }) => readChain(database, id)));
}
const paidChain = async () => (await paidChains(1))[0] as Chain;

const migrationTo = (chain: Chain, change: Partial<Migration> = {}): Migration => ({
  chainId: chain.id,
  version: chain.version,
  eventId: uuidv7(),
  finalState: "settled",
  revision: 2,
  wakes: false,
  ends: false,
  ...change,
});

const change = (assignment: string) => (chain: Chain) =>
  database.query(`update dispatcher.chain set ${assignment} where id = $1`, [chain.id]);
const claim = (expiry: string) =>
  change(`claim_id = gen_random_uuid(), claim_expiry = clock_timestamp() + interval '${expiry}'`);

const historyOf = async (id: string) =>
  (await listEvents(database, id, undefined, 10)).map(({ kind, version }) => [kind, version]);

/** What a chain's row has that the API does not show. */
async function timesOf({ id }: Chain) {
  const [row] = await database.read<{
    due: boolean | null;
    wake: boolean | null;
    purge: string | null;
    fence: string;
  }>(
    `select next_update_time = '2100-01-01' as due, abs(extract(epoch from wake_time - coalesce(next_update_time, update_time))) < 1 as wake,
       round(extract(epoch from purge_time - update_time)) as purge, fence
     from dispatcher.chain where id = $1`,
    [id],
  );
  return row;
}

describe("a chain is migrated only as it was read", () => {
  test("with its event, a higher version and a higher token", async () => {
    const chain = await paidChain();
    const migration = migrationTo(chain);
    expect(await migrateChains(database, [migration])).toBe(1);
    expect(await readChain(database, chain.id)).toMatchObject({ state: "settled", version: 2 });
    expect((await timesOf(chain))?.fence).toBe("2");
    expect((await listEvents(database, chain.id, undefined, 10))[1]).toMatchObject({
      id: migration.eventId,
      kind: "MIGRATED",
      version: 2,
      fromState: "paid",
      finalState: "settled",
      revision: 2,
      requestedBy: "migration",
      transition: undefined,
    });
  });

  test.each([
    ["once more", (chain: Chain) => migrateChains(database, [migrationTo(chain)])],
    [
      "after another move",
      (chain: Chain) => store.commit(moveOf(chain, { transition: "refund", finalState: "new" })),
    ],
    ["under a living claim", claim("30 s")],
    [
      "after it was deleted",
      ({ id }: Chain) => database.query("delete from dispatcher.chain where id = $1", [id]),
    ],
  ])("not %s", async (_, meanwhile) => {
    const chain = await paidChain();
    await meanwhile(chain);
    const before = await historyOf(chain.id);
    expect(await migrateChains(database, [migrationTo(chain)])).toBe(0);
    expect(await migrateChainAlone(database, migrationTo(chain))).toBe(false);
    expect(await historyOf(chain.id)).toEqual(before);
  });

  test("not by the mapping of a revision that is not current", async () => {
    const chain = await paidChain();
    expect(await migrateChains(database, [migrationTo(chain, { revision: 1 })])).toBe(0);
    expect(await readChain(database, chain.id)).toMatchObject({ state: "paid", version: 1 });
  });

  test("an expired claim is run over, noted, and its decision forgotten", async () => {
    const chain = await paidChain();
    const decided = moveOf(chain, { transition: "ship", finalState: "done" });
    await store.claim({ claimId: uuidv7(), termMs: 30_000, decided, wakes: false });
    await change("claim_expiry = clock_timestamp()")(chain);
    expect(await migrateChains(database, [migrationTo(chain)])).toBe(1);
    expect(await historyOf(chain.id)).toEqual([
      ["TRANSITIONED", 1],
      ["CLAIM_EXPIRED", 1],
      ["MIGRATED", 2],
    ]);
    const kept = await database.read("select from dispatcher.chain_claim where chain_id = $1", [chain.id]);
    expect(kept).toEqual([]);
  });
});

describe("what goes with a chain", () => {
  const due = change("next_update_time = '2100-01-01'");
  const disabled = change("disabled = true");
  test.each([
    ["nothing", async () => undefined, {}, { due: null, wake: null, purge: null }],
    ["when it is due", due, {}, { due: true, wake: null, purge: null }],
    ["when it is due, and then it is woken", due, { wakes: true }, { due: true, wake: true, purge: null }],
    ["it is woken at once", async () => undefined, { wakes: true }, { due: null, wake: true, purge: null }],
    [
      "that it is disabled, so it is not woken",
      disabled,
      { wakes: true },
      { due: null, wake: null, purge: null },
    ],
    [
      "nothing, where it ends, and is purged",
      due,
      { ends: true, purgeAfterMs: 7_200_000 },
      { due: null, wake: null, purge: "7200" },
    ],
  ])("%s", async (_, before, migration, expected) => {
    const chain = await paidChain();
    await before(chain);
    expect(await migrateChains(database, [migrationTo(chain, migration)])).toBe(1);
    expect(await timesOf(chain)).toMatchObject(expected);
    expect((await readChain(database, chain.id)).disabled).toBe(before === disabled);
  });
});

test("a chain that somebody has locked is not waited for, unless it is alone", async () => {
  const [locked, free] = (await paidChains(2)) as [Chain, Chain];
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  onTestFinished(() => other.end());
  await other.query("begin");
  await other.query("select from dispatcher.chain where id = $1 for update", [locked.id]);
  expect(await migrateChains(database, [migrationTo(locked), migrationTo(free)])).toBe(1);
  expect(await historyOf(free.id)).toContainEqual(["MIGRATED", 2]);
  const alone = migrateChainAlone(database, migrationTo(locked));
  await expect
    .poll(() =>
      database.read(
        "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
        [],
      ),
    )
    .toHaveLength(1);
  await other.query("commit");
  expect(await alone).toBe(true);
});

test("chains that are claimed are not found, the others by the hundred", async () => {
  const [held, ...others] = await paidChains(501);
  await claim("30 s")(held as Chain);
  const found = await findStrandedChains(database, stranded);
  expect(found).toHaveLength(500);
  expect(found.some(({ id }) => id === held?.id)).toBe(false);
  expect(
    await migrateChains(
      database,
      others.map((chain) => migrationTo(chain)),
    ),
  ).toBe(500);
  await change("claim_expiry = clock_timestamp()")(held as Chain);
  expect((await findStrandedChains(database, stranded)).map(({ id }) => id)).toContain(held?.id);
});

test("replicas beside each other leave nothing, and migrate nothing twice", async () => {
  const chains = await paidChains(1_200);
  const parts = { store, registry, hasten: hastenNothing };
  let migrated = 0;
  for (;;) {
    const runs = await Promise.all([1, 2, 3].map(() => migrateStrandedChains(parts)));
    const now = runs.reduce((sum, run) => sum + run.migrated, 0);
    migrated += now;
    if (now === 0) break;
  }
  expect(migrated).toBeGreaterThanOrEqual(chains.length);
  expect(await migrateStrandedChains(parts)).toEqual({ migrated: 0, batches: 0 });
  for (const { id } of chains)
    expect(await historyOf(id)).toEqual([
      ["TRANSITIONED", 1],
      ["MIGRATED", 2],
    ]);
});

describe("whoever touches a chain takes it out of its mapped state first", () => {
  test("eight at once: one moves it, all see it moved", async () => {
    const chain = await paidChain();
    const seen = await Promise.all(Array.from({ length: 8 }, () => migrateFirst(store, registry, chain)));
    for (const now of seen) expect(now).toMatchObject({ state: "settled", version: 2 });
    expect(await historyOf(chain.id)).toEqual([
      ["TRANSITIONED", 1],
      ["MIGRATED", 2],
    ]);
  });

  test("one whose answer is lost finds that it has been done", async () => {
    const chain = await paidChain();
    const proxy = await startWireProxy(database.url);
    onTestFinished(() => proxy.close());
    const reached = await openDatabase({ url: proxy.url, schema: "dispatcher", poolSize: 2, direct: false });
    onTestFinished(() => reached.close());
    proxy.cutAnswerTo("'MIGRATED'");
    expect(await migrateFirst(createChainStore(reached, 128), registry, chain)).toMatchObject({ version: 2 });
    expect(proxy.cuts()).toBe(1);
    expect(await historyOf(chain.id)).toHaveLength(2);
  });

  test("a claimed one stays where it is", async () => {
    const { id } = await paidChain();
    await claim("30 s")(await readChain(database, id));
    const chain = await readChain(database, id);
    expect(await migrateFirst(store, registry, chain)).toBe(chain);
    expect(await historyOf(id)).toEqual([["TRANSITIONED", 1]]);
  });
});

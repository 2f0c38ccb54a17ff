import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LEASE_MS } from "../../src/domain/execute-limits.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { takeDue } from "../../src/store/take-due.ts";
import { openMigratedDatabase } from "../support/store.ts";

let database: Database & { url: string };
beforeAll(async () => {
  database = await openMigratedDatabase();
});
afterAll(() => database.close());
beforeEach(() => database.query("delete from dispatcher.chain", []));

/** Chains of a type that wake so many seconds from now: one for each. */
async function makeSleepers(chainType: string, seconds: readonly number[]): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `insert into dispatcher.chain (id, chain_type, key, state, version, fence, disabled, create_time, update_time, wake_time)
     select gen_random_uuid(), $1, sha256(gen_random_uuid()::text::bytea), 'new', 0, 0, false, now(), now(),
       clock_timestamp() + s * interval '1 second'
     from unnest($2::double precision[]) with ordinality as s (s, n) order by n
     returning id`,
    [chainType, seconds],
  );
  return rows.map(({ id }) => id);
}

async function wakesInSeconds(id = ""): Promise<number> {
  const [row] = await database.read<{ seconds: number }>(
    `select extract(epoch from wake_time - clock_timestamp())::double precision as seconds
     from dispatcher.chain where id = $1`,
    [id],
  );
  return row?.seconds ?? Number.NaN;
}

const idsOf = ({ chains }: Awaited<ReturnType<typeof takeDue>>) => chains.map(({ id }) => id);

test("takes what is due of these types, the earliest first, and no more than asked for", async () => {
  const [oldCart = "", newCart = ""] = await makeSleepers("cart", [-30, -10, 3600]);
  const [order = ""] = await makeSleepers("order", [-20]);
  await makeSleepers("trial", [-40]);
  const first = await takeDue(database, { chainTypes: ["cart", "order"], most: 2 });
  expect(idsOf(first)).toEqual([oldCart, order]);
  expect(first.chains[0]?.lateMs).toBeGreaterThanOrEqual(30_000);
  expect(first.chains[0]?.lateMs).toBeLessThan(40_000);
  expect(idsOf(await takeDue(database, { chainTypes: ["cart", "order"], most: 2 }))).toEqual([newCart]);
  expect(idsOf(await takeDue(database, { chainTypes: [], most: 2 }))).toEqual([]);
});

test("many takers at once never take one chain twice, and leave none", async () => {
  const due = await makeSleepers(
    "cart",
    Array.from({ length: 300 }, (_, index) => -index),
  );
  const takeAll = async () => {
    const taken: string[] = [];
    for (;;) {
      const { chains, nextInMs } = await takeDue(database, { chainTypes: ["cart"], most: 7 });
      taken.push(...chains.map(({ id }) => id));
      if (nextInMs !== 0) return taken;
    }
  };
  const shares = await Promise.all([takeAll(), takeAll(), takeAll(), takeAll()]);
  expect(shares.filter((share) => share.length > 0).length).toBeGreaterThan(1);
  expect(shares.flat().sort()).toEqual(due.sort());
});

test("a taken chain is left alone for the lease, and taken again when nothing came of it", async () => {
  const [id = ""] = await makeSleepers("cart", [-1]);
  await takeDue(database, { chainTypes: ["cart"], most: 10 });
  expect(await wakesInSeconds(id)).toBeGreaterThan(LEASE_MS / 1000 - 5);
  expect(await wakesInSeconds(id)).toBeLessThanOrEqual(LEASE_MS / 1000);
  expect(idsOf(await takeDue(database, { chainTypes: ["cart"], most: 10 }))).toEqual([]);
  await database.query("update dispatcher.chain set wake_time = wake_time - $1::interval", [
    `${LEASE_MS} milliseconds`,
  ]);
  expect(idsOf(await takeDue(database, { chainTypes: ["cart"], most: 10 }))).toEqual([id]);
});

test("chains that somebody has locked neither are waited for nor hide others", async () => {
  const [locked = "", free = ""] = await makeSleepers("cart", [-30, -10]);
  const session = new pg.Client({ connectionString: database.url });
  await session.connect();
  await session.query("begin");
  await session.query("select from dispatcher.chain where id = $1 for update", [locked]);
  expect(idsOf(await takeDue(database, { chainTypes: ["cart"], most: 1 }))).toEqual([free]);
  expect(await takeDue(database, { chainTypes: ["cart"], most: 1 })).toMatchObject({ chains: [] });
  await session.query("rollback");
  await session.end();
  expect(idsOf(await takeDue(database, { chainTypes: ["cart"], most: 1 }))).toEqual([locked]);
});

describe("a chain that was woken too early sleeps on", () => {
  test.each([
    ["until it is due", "next_update_time = clock_timestamp() + interval '50 seconds'"],
    [
      "while it is claimed",
      "claim_id = gen_random_uuid(), claim_expiry = clock_timestamp() + interval '50 seconds'",
    ],
    [
      "for the longer of both",
      `next_update_time = clock_timestamp() + interval '10 seconds',
       claim_id = gen_random_uuid(), claim_expiry = clock_timestamp() + interval '50 seconds'`,
    ],
  ])("%s", async (_, change) => {
    const [id = ""] = await makeSleepers("cart", [-1]);
    await database.query(`update dispatcher.chain set ${change}`, []);
    expect(idsOf(await takeDue(database, { chainTypes: ["cart"], most: 10 }))).toEqual([]);
    expect(await wakesInSeconds(id)).toBeGreaterThan(45);
    expect(await wakesInSeconds(id)).toBeLessThanOrEqual(50);
  });

  test("but no longer than that", async () => {
    const [id] = await makeSleepers("cart", [-1]);
    await database.query(
      `update dispatcher.chain set next_update_time = clock_timestamp() - interval '1 second',
         claim_id = gen_random_uuid(), claim_expiry = clock_timestamp() - interval '1 second'`,
      [],
    );
    expect(idsOf(await takeDue(database, { chainTypes: ["cart"], most: 10 }))).toEqual([id]);
  });
});

describe("tells when there is something to take again", () => {
  const nextInMs = async (chainTypes: readonly string[], most = 10) =>
    (await takeDue(database, { chainTypes, most: most })).nextInMs;

  test("at once, if as many were due as were asked for", async () => {
    await makeSleepers("cart", [-1, -1, 100]);
    expect(await nextInMs(["cart"], 2)).toBe(0);
  });

  test("when the next of these types wakes", async () => {
    await makeSleepers("cart", [-1, 200]);
    await makeSleepers("order", [100]);
    await makeSleepers("trial", [30]);
    const next = await nextInMs(["cart", "order"]);
    expect(next).toBeGreaterThan(90_000);
    expect(next).toBeLessThanOrEqual(100_000);
  });

  test("never, if all sleep for ever", async () => {
    await makeSleepers("cart", [1]);
    await database.query("update dispatcher.chain set wake_time = null", []);
    expect(await nextInMs(["cart"])).toBeUndefined();
  });
});

describe("a look for what became due after a time", () => {
  test("begins where all that was due before has been taken", async () => {
    const ids = await makeSleepers("cart", [-40, -30, -20, -10]);
    const look = (after?: Date) => takeDue(database, { chainTypes: ["cart"], most: 3, after });
    const first = await look();
    expect(idsOf(first)).toEqual(ids.slice(0, 3));
    expect(first.nextInMs).toBe(0);
    const second = await look(first.takenUntil);
    expect(idsOf(second)).toEqual(ids.slice(3));
    const [late] = await makeSleepers("cart", [-60]);
    const [now] = await makeSleepers("cart", [0]);
    const third = await look(second.takenUntil);
    expect(idsOf(third)).toEqual([now]);
    expect(idsOf(await look())).toEqual([late]);
    // A second is left to those who write what they judged to be due a moment ago.
    const age = Date.now() - third.takenUntil.getTime();
    expect(age).toBeGreaterThanOrEqual(1_000);
    expect(age).toBeLessThan(5_000);
  });

  test("passes by what was taken before, however much that was", async () => {
    await makeSleepers(
      "cart",
      Array.from({ length: 2_000 }, (_, index) => -100 - index),
    );
    const session = new pg.Client({ connectionString: database.url });
    await session.connect();
    // Keeps PostgreSQL from clearing away what was.
    await session.query("begin isolation level repeatable read");
    await session.query("select count(*) from dispatcher.chain");
    const chainTypes = ["cart"];
    const { takenUntil } = await takeDue(database, { chainTypes, most: 2_000 });
    const whole = await readsOf((alone) => takeDue(alone, { chainTypes, most: 1 }));
    expect(whole.entries).toBeGreaterThan(2_000);
    const rest = await readsOf((alone) => takeDue(alone, { chainTypes, most: 1, after: takenUntil }));
    expect(rest.entries).toBeLessThan(5);
    await session.query("rollback");
    await session.end();
  });
});

test("a plan made while nobody slept looks at a handful of index entries when 20,000 do", async () => {
  await database.query("vacuum analyze dispatcher.chain", []);
  const look = (alone: Database) => takeDue(alone, { chainTypes: ["cart", "order"], most: 32 });
  const reads = await readsOf(look, async (alone) => {
    await look(alone);
    await makeSleepers(
      "cart",
      Array.from({ length: 20_000 }, (_, index) => 60 + index),
    );
    await look(alone);
    await alone.query("analyze dispatcher.chain", []);
  });
  expect(reads.scans).toBe(0);
  expect(reads.entries).toBeGreaterThanOrEqual(1);
  expect(reads.entries).toBeLessThanOrEqual(3);
});

/** What a look reads, over one connection, which keeps its plans from before: whole tables, and entries of the index. */
async function readsOf(
  look: (alone: Database) => Promise<unknown>,
  before: (alone: Database) => Promise<void> = async () => undefined,
): Promise<{ scans: number; entries: number }> {
  const alone = await openDatabase({ url: database.url, schema: "dispatcher", poolSize: 1, direct: true });
  const countReads = async () => {
    await alone.query("select pg_stat_force_next_flush()", []);
    const [row] = await alone.read<{ scans: string; entries: string }>(
      `select t.seq_scan as scans, i.idx_tup_read as entries
       from pg_stat_user_tables t join pg_stat_user_indexes i using (relid) where i.indexrelname = 'chain_wake'`,
      [],
    );
    return { scans: Number(row?.scans), entries: Number(row?.entries) };
  };
  await before(alone);
  const first = await countReads();
  await look(alone);
  const second = await countReads();
  await alone.close();
  return { scans: second.scans - first.scans, entries: second.entries - first.entries };
}

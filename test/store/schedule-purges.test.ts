import pg from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { FIRST_ID, schedulePurges } from "../../src/store/schedule-purges.ts";
import { HOUR_MS } from "../support/final-chains.ts";
import { openMigratedDatabase } from "../support/store.ts";

const CHAINS = 1200;
let database: Database & { url: string };

beforeAll(async () => {
  // One connection: only its own backend's counters are up to date. No ANALYZE: there may be no statistics.
  database = await openMigratedDatabase({ poolSize: 1 });
  await database.query(
    `insert into dispatcher.chain (id, chain_type, key, state, version, fence, disabled, create_time, update_time)
     select gen_random_uuid(), case when n <= 1500 then 'order' else 'other' end, sha256(n::text::bytea),
       case when n <= $1 then 'done' else 'paid' end, 2, 2, false, now(), now() - interval '3 hours'
     from generate_series(1, 40000) n`,
    [CHAINS],
  );
});
afterAll(() => database.close());

const rule = (hours: number | undefined, forgetHours?: number) => ({
  chainType: "order",
  state: "done",
  deleteEventsAfterMs: hours && hours * HOUR_MS,
  forgetAfterMs: forgetHours && forgetHours * HOUR_MS,
});

/** A whole pass, page by page. */
async function pass(which: ReturnType<typeof rule>) {
  const totals = { pages: 0, scheduled: 0, missed: 0 };
  let place: string | undefined = FIRST_ID;
  while (place !== undefined) {
    const page = await schedulePurges(database, which, place);
    totals.pages += 1;
    totals.scheduled += page.scheduled;
    totals.missed += page.missed;
    place = page.next;
  }
  return totals;
}

/** How many chains are purged how many hours after they became final. */
async function hours(): Promise<Record<string, number>> {
  const rows = await database.read<{ hours: string | null; count: string }>(
    `select round(extract(epoch from purge_time - update_time) / 3600)::text as hours, count(*)
     from dispatcher.chain where chain_type = 'order' group by 1`,
    [],
  );
  return Object.fromEntries(rows.map(({ hours, count }) => [hours ?? "never", Number(count)]));
}

test("a pass reaches every final chain, by index, and a second one changes nothing", async () => {
  const scans = async () => {
    await database.query("select pg_stat_force_next_flush()", []);
    return database.read(
      "select seq_scan from pg_stat_user_tables where schemaname = 'dispatcher' and relname = 'chain'",
      [],
    );
  };
  const before = await scans();
  expect(await pass(rule(5))).toEqual({ pages: 3, scheduled: CHAINS, missed: 0 });
  expect(await pass(rule(5))).toEqual({ pages: 3, scheduled: 0, missed: 0 });
  expect(await scans()).toEqual(before);
  expect(await hours()).toEqual({ 5: CHAINS, never: 300 });
});

test("a shorter time replaces a longer one; a longer one is left to the purge", async () => {
  expect(await pass(rule(9))).toMatchObject({ scheduled: 0 });
  expect(await pass(rule(2))).toMatchObject({ scheduled: CHAINS });
  expect(await hours()).toEqual({ 2: CHAINS, never: 300 });
});

test("a chain without events has nothing to delete, unless it is to be forgotten", async () => {
  await database.query(
    "update dispatcher.chain set pruned_version = version, purge_time = null where chain_type = 'order'",
    [],
  );
  expect(await pass(rule(2))).toMatchObject({ scheduled: 0 });
  expect(await pass(rule(2, 7))).toMatchObject({ scheduled: CHAINS });
  expect(await hours()).toEqual({ 7: CHAINS, never: 300 });
});

test("a chain that somebody has locked is not waited for, but told of", async () => {
  await database.query(
    "update dispatcher.chain set pruned_version = 0, purge_time = null where chain_type = 'order'",
    [],
  );
  const holder = new pg.Client({ connectionString: database.url });
  await holder.connect();
  onTestFinished(() => holder.end());
  await holder.query("begin");
  await holder.query(
    `select from dispatcher.chain where id in
       (select id from dispatcher.chain where chain_type = 'order' and state = 'done' order by id limit 3 offset 700)
     for no key update`,
  );
  expect(await pass(rule(4))).toEqual({ pages: 3, scheduled: CHAINS - 3, missed: 3 });
  await holder.query("rollback");
  expect(await pass(rule(4))).toEqual({ pages: 3, scheduled: 3, missed: 0 });
  expect(await hours()).toEqual({ 4: CHAINS, never: 300 });
});

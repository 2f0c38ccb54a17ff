import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createChainStore } from "../../src/store/chain-store.ts";
import type { Database } from "../../src/store/database.ts";
import { assignPositions } from "../../src/store/positions.ts";
import { readEvents } from "../../src/store/read-events.ts";
import { createTestDatabase } from "../support/database.ts";
import { makeChain, moveOf, openMigratedDatabase, readChain } from "../support/store.ts";

let database: Database & { url: string };
beforeAll(async () => {
  database = await openMigratedDatabase({ poolSize: 20 });
});
afterAll(() => database.close());

/** All events by position, with what their order is to follow. */
async function placed() {
  const rows = await database.read<{ id: string; chain_id: string; version: string; position: string }>(
    "select id, chain_id, version, position from dispatcher.chain_event where position is not null order by position",
    [],
  );
  return rows.map((row) => ({ ...row, version: Number(row.version), position: Number(row.position) }));
}

async function assignAll(most = 1000): Promise<void> {
  while ((await assignPositions(database, most)).found > 0);
}

const INSERT = `insert into dispatcher.chain_event (id, chain_id, kind, is_move, version, from_state, final_state, requested_by,
  reason, event_time)`;

async function insertMove(
  { query }: { query(sql: string, values: readonly unknown[]): Promise<unknown> },
  chainId: string,
  version: number,
): Promise<string> {
  const id = randomUUID();
  await query(`${INSERT} values ($1, $2, 'TRANSITIONED', true, $3, 'a', 'b', '', '', clock_timestamp())`, [
    id,
    chainId,
    version,
  ]);
  return id;
}

async function insertNote(chainId: string, version: number): Promise<string> {
  const id = randomUUID();
  await database.query(
    `${INSERT} values ($1, $2, 'UPDATED', false, $3, null, null, '', '', clock_timestamp())`,
    [id, chainId, version],
  );
  return id;
}

/** Another session, as of another program. */
async function openSession(url = database.url): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

test.each([1, 2, 3, 1000])(
  "a chain's events follow its versions, notes after the move that they saw, given %i at a time",
  async (most) => {
    await assignAll();
    const chainId = randomUUID();
    const notes = async (version: number) => [
      await insertNote(chainId, version),
      await insertNote(chainId, version),
    ];
    // Written the other way round: the order is not that of the writing.
    const second = [await insertMove(database, chainId, 2), ...(await notes(2))];
    const first = [await insertMove(database, chainId, 1), ...(await notes(1))];
    await assignAll(most);
    const ids = (await placed()).filter(({ chain_id }) => chain_id === chainId).map(({ id }) => id);
    expect(ids).toEqual([...first, ...second]);
  },
);

test("with many writers, three assigners and two readers, each reader sees every event once, and versions in order", async () => {
  await assignAll();
  const { head: start } = await assignPositions(database, 1);
  const store = createChainStore(database, 16);
  let isWriting = true;
  let written = 0;
  const write = async () => {
    let chain = await makeChain(database);
    for (let made = 0; made < 150; made += 1) {
      const goesOn = chain.state === "new";
      const result = await store.commit(
        moveOf(chain, { transition: goesOn ? "pay" : "refund", finalState: goesOn ? "paid" : "new" }),
      );
      expect(result.kind).toBe("moved");
      written += 1;
      chain = await readChain(database, chain.id);
    }
  };
  const assign = async () => {
    while (isWriting) await assignPositions(database, 50);
  };
  const read = async () => {
    const seen: { chainId: string; version: number; position: number }[] = [];
    for (let after = start.position; ; ) {
      const isLast = !isWriting;
      const page = await readEvents(database, after, false);
      seen.push(
        ...page.events.map(({ event, position }) => ({
          chainId: event.chainId,
          version: event.version,
          position,
        })),
      );
      if (isLast && page.end === after) return seen;
      after = page.end;
    }
  };
  const readers = [read(), read()];
  const assigners = [assign(), assign(), assign()];
  await Promise.all(Array.from({ length: 12 }, write));
  await assignAll();
  isWriting = false;
  await Promise.all(assigners);
  for (const seen of await Promise.all(readers)) {
    expect(seen).toHaveLength(written);
    expect(new Set(seen.map(({ position }) => position)).size).toBe(written);
    for (const history of Map.groupBy(seen, ({ chainId }) => chainId).values())
      expect(history.map(({ version }) => version)).toEqual(history.map((_, index) => index + 1));
  }
  expect(written).toBe(12 * 150);
});

test("two that wait for each other give each event one position", async () => {
  await assignAll();
  const ids = new Set<string>();
  for (let made = 0; made < 20; made += 1) ids.add(await insertMove(database, randomUUID(), 1));
  const holder = await openSession();
  await holder.query("begin");
  await holder.query("select from dispatcher.event_head for update");
  const both = [assignPositions(database, 1000), assignPositions(database, 1000)];
  // Asked outside the transaction, within which the activity would stay as it was when first looked at.
  const waiting = () =>
    database.read(
      "select from pg_stat_activity where wait_event_type = 'Lock' and query like '%assign_positions%' and datname = current_database()",
      [],
    );
  await expect.poll(waiting).toHaveLength(2);
  await holder.query("commit");
  await holder.end();
  const heads = (await Promise.all(both)).map(({ head }) => head.position);
  const given = (await placed()).filter(({ id }) => ids.has(id)).map(({ position }) => position);
  expect(given).toHaveLength(20);
  expect(Math.max(...heads)).toBe(given.at(-1));
  expect(new Set(given).size).toBe(20);
});

test("what is committed late comes later in the stream, and holds up nobody", async () => {
  await assignAll();
  const writer = await openSession();
  await writer.query("begin");
  const chainId = randomUUID();
  const late = await insertMove({ query: (sql, values) => writer.query(sql, [...values]) }, chainId, 1);
  const early = await insertMove(database, randomUUID(), 1);
  await assignAll();
  const before = await placed();
  expect(before.at(-1)?.id).toBe(early);
  expect(before.map(({ id }) => id)).not.toContain(late);
  await writer.query("commit");
  await writer.end();
  await assignAll();
  expect((await placed()).at(-1)?.id).toBe(late);
});

test("an open write transaction in another database of the server freezes nothing", async () => {
  const other = await openSession(await createTestDatabase());
  await other.query("begin");
  await other.query("create table t (x int)");
  const id = await insertMove(database, randomUUID(), 1);
  await assignAll();
  expect((await placed()).at(-1)?.id).toBe(id);
  await other.query("rollback");
  await other.end();
});

test("where nothing is to be given nothing is written, not even a lock", async () => {
  await assignAll();
  const head = () =>
    database.read("select ctid::text, xmin::text, xmax::text from dispatcher.event_head", []);
  const before = await head();
  for (let looked = 0; looked < 3; looked += 1) await assignPositions(database, 1000);
  expect(await head()).toEqual(before);
});

test("a plan made while the table was empty goes by the index of those without a position when it is full", async () => {
  // One connection, which keeps its plans.
  const own = await openMigratedDatabase({ poolSize: 1 });
  const fill = (position: string) =>
    own.query(
      `${INSERT.replace("event_time)", "event_time, position)")}
       select gen_random_uuid(), gen_random_uuid(), 'TRANSITIONED', true, 1, 'a', 'b', '', '', now(), ${position}
       from generate_series(1, 4000) i`,
      [],
    );
  const reads = async () => {
    await own.query("select pg_stat_force_next_flush()", []);
    const [{ scans, entries } = { scans: "", entries: "" }] = await own.read<Record<string, string>>(
      `select (select seq_scan from pg_stat_user_tables where relname = 'chain_event') as scans,
         (select sum(idx_tup_read) from pg_stat_user_indexes where relname = 'chain_event') as entries`,
      [],
    );
    return { scans: Number(scans), entries: Number(entries) };
  };
  const costOf = async (run: () => Promise<number>) => {
    const before = await reads();
    const found = await run();
    const after = await reads();
    return { found, scans: after.scans - before.scans, entries: after.entries - before.entries };
  };
  const cost = (most: number) => costOf(async () => (await assignPositions(own, most)).found);
  await assignPositions(own, 1000);
  await readEvents(own, 0, true);
  await fill("i");
  await fill("i + 4000");
  await own.query("update dispatcher.event_head set position = 8000", []);
  // As it is most of the time: nothing is without a position, also by the statistics.
  await own.query("analyze dispatcher.chain_event", []);
  expect(await cost(1000)).toEqual({ found: 0, scans: 0, entries: 0 });
  await fill("null");
  for (const _ of ["with statistics of before", "with the same plan once more"]) {
    const { found, scans, entries } = await cost(1000);
    expect({ found, scans }).toEqual({ found: 1000, scans: 0 });
    // Of 12,000: one to find each, one to write it, and some that the first run has left behind.
    expect(entries).toBeLessThan(6000);
  }
  const page = await costOf(async () => (await readEvents(own, 5000, true)).events.length);
  expect(page).toMatchObject({ found: 250, scans: 0 });
  expect(page.entries).toBeLessThan(1000);
  // As after a migration: nothing has a position, by the statistics.
  await own.query("update dispatcher.chain_event set position = null", []);
  await own.query("analyze dispatcher.chain_event", []);
  await own.query(
    "update dispatcher.chain_event set position = i.n from (select id, row_number() over () as n from dispatcher.chain_event) i where i.id = chain_event.id",
    [],
  );
  await own.query("vacuum dispatcher.chain_event", []);
  expect(await cost(1000)).toEqual({ found: 0, scans: 0, entries: 0 });
  await own.close();
});

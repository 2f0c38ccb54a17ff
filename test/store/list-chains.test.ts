import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { type ChainFilter, type ChainPlace, listChains } from "../../src/store/list-chains.ts";
import { openMigratedDatabase } from "../support/store.ts";

const CHAINS = 200_000;
let database: Database;

beforeAll(async () => {
  // One connection: only its own backend's counters are up to date.
  database = await openMigratedDatabase({ poolSize: 1 });
  // Deliberately without ANALYZE: a fresh database must do without statistics as well.
  for (let from = 1; from < CHAINS; from += 20_000) {
    await database.query(
      `insert into dispatcher.chain (id, chain_type, key, state, version, fence, disabled, next_update_time, create_time, update_time)
       select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, case n % 2 when 0 then 'even' else 'odd' end,
         sha256(n::text::bytea), case n % 5 when 0 then 'done' when 1 then 'closed' else 'new' end, 0, 0, n % 10000 = 0,
         case when n % 3 = 0 then null when n % 3 = 1 then now() + interval '1 day' else now() - n * interval '1 second' end,
         now(), now()
       from generate_series($1::int, $1::int + 19999) n`,
      [from],
    );
    await database.query(
      `insert into dispatcher.chain_resource (chain_id, resource_type, resource_id)
       select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'shop',
         case when n % 50000 = 0 then 'small' else 'large' end
       from generate_series($1::int, $1::int + 19999) n`,
      [from],
    );
  }
});
afterAll(() => database.close());

async function allIds(filter: ChainFilter, limit: number): Promise<string[]> {
  const ids: string[] = [];
  let place: ChainPlace | undefined;
  do {
    const page = await listChains(database, filter, place, limit);
    ids.push(...page.chains.map(({ id }) => id));
    place = page.next;
  } while (place);
  return ids;
}

const due = { finalStates: [{ chainType: "odd", state: "closed" }] };

describe("pages", () => {
  test.each<[string, ChainFilter, string]>([
    ["disabled", { disabled: true }, "disabled"],
    [
      "resource over all types",
      { resource: { resourceType: "shop", resourceId: "small" } },
      "exists (select from dispatcher.chain_resource r where r.chain_id = id and r.resource_id = 'small')",
    ],
    [
      "type, resource",
      { chainType: "odd", resource: { resourceType: "shop", resourceId: "small" } },
      "chain_type = 'odd' and exists (select from dispatcher.chain_resource r where r.chain_id = id and r.resource_id = 'small')",
    ],
    [
      "type, state, disabled",
      { chainType: "even", state: "done", disabled: true },
      "chain_type = 'even' and state = 'done' and disabled",
    ],
  ])("hold every chain once: %s", async (_, filter, condition) => {
    const expected = await database.read<{ id: string }>(
      `select id from dispatcher.chain where ${condition} order by id`,
      [],
    );
    expect(await allIds(filter, 3)).toEqual(expected.map(({ id }) => id));
  });

  test("due chains come by time, and only those that could move", async () => {
    const expected = await database.read<{ id: string }>(
      `select id from dispatcher.chain
       where not disabled and state <> 'done' and not (chain_type = 'odd' and state = 'closed')
         and coalesce(next_update_time, '-infinity') <= now()
       order by coalesce(next_update_time, '-infinity'), id`,
      [],
    );
    const first = await listChains(database, { due }, undefined, 1000);
    expect(first.chains.map(({ id }) => id)).toEqual(expected.slice(0, 1000).map(({ id }) => id));
    const next = await listChains(database, { due }, first.next, 1000);
    expect(next.chains.map(({ id }) => id)).toEqual(expected.slice(1000, 2000).map(({ id }) => id));
  });
});

test.each<[string, ChainFilter]>([
  ["no filter", {}],
  ["type", { chainType: "odd" }],
  ["type and state", { chainType: "even", state: "new" }],
  ["resource", { resource: { resourceType: "shop", resourceId: "large" } }],
  ["rare resource", { resource: { resourceType: "shop", resourceId: "small" } }],
  ["disabled", { disabled: true }],
  ["due", { due }],
  ["a sweep", { chainType: "odd", untouchedSince: "infinity" }],
  ["a sweep of due chains", { due, untouchedSince: "infinity" }],
])("a page of 200,000 chains is read by an index, not by a full scan: %s", async (_, filter) => {
  const scans = async () => {
    await database.query("select pg_stat_force_next_flush()", []);
    const [row] = await database.read<{ seq_scan: string }>(
      "select seq_scan from pg_stat_user_tables where schemaname = 'dispatcher' and relname = 'chain'",
      [],
    );
    return Number(row?.seq_scan);
  };
  const before = await scans();
  const page = await listChains(database, filter, undefined, 100);
  await listChains(database, filter, page.next, 100);
  expect(page.chains.length).toBeGreaterThan(0);
  expect(await scans()).toBe(before);
});

const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
test.each<[string, ChainFilter]>([
  ["a list", { due }],
  ["a sweep", { due, untouchedSince: inAnHour }],
])("the last page of due chains does not read those that are not due yet: %s", async (_, filter) => {
  const read = async () => {
    await database.query("select pg_stat_force_next_flush()", []);
    const [row] = await database.read<{ read: string }>(
      "select idx_tup_read as read from pg_stat_user_indexes where schemaname = 'dispatcher' and indexrelname = 'chain_due'",
      [],
    );
    return Number(row?.read);
  };
  const [last] = await database.read<{ id: string; due_time: string }>(
    `select id, next_update_time::text as due_time from dispatcher.chain
     where not disabled and state = 'new' and next_update_time < now() order by next_update_time desc, id desc limit 1 offset 20`,
    [],
  );
  const before = await read();
  const place = { id: last?.id ?? "", dueTime: last?.due_time };
  const { chains } = await listChains(database, filter, place, 100);
  expect(chains.length).toBeGreaterThan(0);
  expect((await read()) - before).toBeLessThan(200);
});

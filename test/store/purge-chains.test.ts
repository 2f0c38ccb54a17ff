import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { type Purged, purgeChains } from "../../src/store/purge-chains.ts";
import { ageChains, HOUR_MS, makeFinalChain, placeEvents } from "../support/final-chains.ts";
import { openMigratedDatabase } from "../support/store.ts";

let database: Database & { url: string };
beforeAll(async () => {
  database = await openMigratedDatabase();
});
afterAll(() => database.close());
// What one test leaves must not be due in the next.
beforeEach(() => run("update dispatcher.chain set purge_time = null"));

const run = (sql: string, values: unknown[] = []) => database.query(sql, values);
const deleteAfter = (hours: number, forgetHours?: number) => [
  {
    chainType: "order",
    state: "done",
    deleteEventsAfterMs: hours * HOUR_MS,
    forgetAfterMs: forgetHours && forgetHours * HOUR_MS,
  },
];
const nothing = { pruned: 0, forgotten: 0, heldBack: 0, events: 0, messages: 0, isMore: false };

/** Chains that became final two hours ago, to be purged an hour later, with all their effects delivered. */
async function makeDue(count = 1): Promise<string[]> {
  const message = Buffer.from("effect");
  const chains = await Promise.all(
    Array.from({ length: count }, () => makeFinalChain(database, { purgeAfterMs: HOUR_MS, message })),
  );
  const ids = chains.map(({ id }) => id);
  await ageChains(run, ids, 2 * HOUR_MS);
  await run(
    "update dispatcher.outbox_message set state = 'DELIVERED', next_attempt_time = null where chain_id = any($1::uuid[])",
    [ids],
  );
  await placeEvents(run);
  return ids;
}

async function look(id: string) {
  const [row] = await database.read<Record<string, unknown>>(
    `select c.pruned_version::integer as pruned, c.version::integer as version,
       round(extract(epoch from c.purge_time - c.update_time) / 3600)::integer as purge_hours,
       c.purge_time > now() as is_later,
       (select count(*) from dispatcher.chain_event e where e.chain_id = i.id)::integer as events,
       (select count(*) from dispatcher.outbox_message m where m.chain_id = i.id)::integer as messages,
       (select count(*) from dispatcher.chain_resource r where r.chain_id = i.id)::integer as resources
     from (select $1::uuid as id) i left join dispatcher.chain c using (id)`,
    [id],
  );
  return row;
}

const head = async () => {
  const [row] = await database.read<{ position: string; pruned_position: string }>(
    "select position, pruned_position from dispatcher.event_head",
    [],
  );
  return { position: Number(row?.position), pruned: Number(row?.pruned_position) };
};

const whole = { pruned: 0, version: 2, events: 2, messages: 2, resources: 1 };
const tombstone = { pruned: 2, version: 2, events: 0, messages: 0, resources: 1, purge_hours: null };

test("events and delivered messages go, the chain stays, and cursors before the last of them expire", async () => {
  const [id = ""] = await makeDue();
  const [later] = await makeDue();
  await run("update dispatcher.chain set purge_time = now() + interval '1 minute' where id = $1", [later]);
  const before = await head();
  const [last] = await database.read<{ position: string }>(
    "select max(position) as position from dispatcher.chain_event where chain_id = $1",
    [id],
  );
  expect(await purgeChains(database, deleteAfter(1))).toEqual({
    ...nothing,
    pruned: 1,
    events: 2,
    messages: 2,
  });
  expect(await look(id)).toMatchObject(tombstone);
  expect(await look(later ?? "")).toMatchObject(whole);
  expect(await head()).toEqual({ position: before.position, pruned: Number(last?.position) });
  expect(before.pruned).toBeLessThan(Number(last?.position));
  expect(Number(last?.position)).toBeLessThan(before.position);
  expect(await purgeChains(database, deleteAfter(1))).toEqual(nothing);
});

test("a chain that is to be forgotten goes when that time has come, and its key is free", async () => {
  const [id = ""] = await makeDue();
  const rules = deleteAfter(1, 5);
  expect(await purgeChains(database, rules)).toMatchObject({ pruned: 1, forgotten: 0 });
  expect(await look(id)).toMatchObject({ ...tombstone, purge_hours: 5, is_later: true });
  expect(await purgeChains(database, rules)).toEqual(nothing);

  await ageChains(run, [id], 4 * HOUR_MS);
  expect(await purgeChains(database, rules)).toEqual({ ...nothing, forgotten: 1 });
  expect(await look(id)).toMatchObject({ version: null, events: 0, messages: 0, resources: 0 });
});

test("with forget_after alone the events go together with the chain", async () => {
  const [id = ""] = await makeDue();
  const rules = [{ chainType: "order", state: "done", forgetAfterMs: HOUR_MS }];
  expect(await purgeChains(database, rules)).toEqual({ ...nothing, forgotten: 1, events: 2, messages: 2 });
  expect(await look(id)).toMatchObject({ version: null, events: 0, messages: 0, resources: 0 });
});

describe("what the rules in force say counts", () => {
  test.each([
    ["no rule any more", [], { ...whole, purge_hours: null }],
    [
      "no rule for this state any more",
      [{ chainType: "order", state: "paid", deleteEventsAfterMs: HOUR_MS }],
      { ...whole, purge_hours: null },
    ],
    ["a longer time", deleteAfter(10), { ...whole, purge_hours: 10 }],
  ])("%s", async (_, rules, expected) => {
    const [id = ""] = await makeDue();
    expect(await purgeChains(database, rules)).toEqual(nothing);
    expect(await look(id)).toMatchObject(expected);
    expect(await purgeChains(database, rules)).toEqual(nothing);
  });
});

describe("what keeps a chain", () => {
  test.each([
    [
      "a pending delivery",
      "update dispatcher.outbox_message set state = 'PENDING', next_attempt_time = now() where chain_id = $1 and version = 1",
    ],
    [
      "a dead delivery",
      "update dispatcher.outbox_message set state = 'DEAD' where chain_id = $1 and version = 2",
    ],
    [
      "an event without a place in the stream",
      "update dispatcher.chain_event set position = null where chain_id = $1 and version = 2",
    ],
    [
      "a living claim",
      "update dispatcher.chain set claim_id = id, claim_expiry = now() + interval '1 hour' where id = $1",
    ],
  ])("%s; it is looked at again later, and holds up no other", async (_, sql) => {
    const [id = "", other = ""] = await makeDue(2);
    await run(sql, [id]);
    const rules = deleteAfter(1, 2);
    expect(await purgeChains(database, rules)).toMatchObject({ forgotten: 1, heldBack: 1, events: 2 });
    expect(await look(id)).toMatchObject({ ...whole, is_later: true });
    expect(await look(other)).toMatchObject({ version: null, events: 0 });
    expect(await purgeChains(database, rules)).toEqual(nothing);
    await run("delete from dispatcher.chain where id = $1", [id]);
    await placeEvents(run);
  });

  test("a lock: it is not waited for, and a chain that has moved meanwhile is not touched", async () => {
    const [id = "", other = ""] = await makeDue(2);
    const mover = new pg.Client({ connectionString: database.url });
    await mover.connect();
    onTestFinished(() => mover.end());
    await mover.query("begin");
    await mover.query(
      "update dispatcher.chain set state = 'paid', version = 3, purge_time = null where id = $1",
      [id],
    );
    expect(await purgeChains(database, deleteAfter(1))).toMatchObject({ pruned: 1, events: 2 });
    expect(await look(other)).toMatchObject(tombstone);
    await mover.query("commit");
    expect(await purgeChains(database, deleteAfter(1))).toEqual(nothing);
    expect(await look(id)).toMatchObject({ ...whole, version: 3 });
  });
});

test("a long history goes in pieces, which the cut point follows", async () => {
  const [id = ""] = await makeDue();
  await run("update dispatcher.chain set version = 252 where id = $1", [id]);
  await run(
    `insert into dispatcher.chain_event (id, chain_id, kind, is_move, version, from_state, final_state, requested_by, reason, event_time)
     select gen_random_uuid(), $1, 'STATE_SET', true, n, 'done', 'done', '', '', now() from generate_series(3, 252) n`,
    [id],
  );
  await placeEvents(run);
  const steps: [Purged, unknown][] = [];
  do steps.push([await purgeChains(database, deleteAfter(1, 1)), await look(id)]);
  while (steps.at(-1)?.[0].isMore);
  expect(steps).toMatchObject([
    [
      { events: 100, messages: 2, isMore: true },
      { pruned: 100, events: 152 },
    ],
    [
      { events: 100, isMore: true },
      { pruned: 200, events: 52 },
    ],
    [
      { events: 52, forgotten: 1, isMore: false },
      { version: null, events: 0 },
    ],
  ]);
});

test("many chains go in batches, on several sidecars at once, each once", async () => {
  const ids: string[] = [];
  for (let round = 0; round < 5; round++) ids.push(...(await makeDue(90)));
  const first = await purgeChains(database, deleteAfter(1));
  expect(first).toMatchObject({ pruned: 200, events: 400, messages: 400, isMore: true });
  const rest = await Promise.all([1, 2, 3, 4].map(() => purgeChains(database, deleteAfter(1))));
  expect(rest.reduce((sum, { pruned }) => sum + pruned, 0)).toBe(250);
  expect(rest.reduce((sum, { events }) => sum + events, 0)).toBe(500);
  for (const id of ids) expect(await look(id)).toMatchObject(tombstone);
});

test("among very many chains only those that are due are read", async () => {
  // One connection: only its own backend's counters are up to date. No ANALYZE: there may be no statistics.
  const own = await openMigratedDatabase({ poolSize: 1 });
  onTestFinished(() => own.close());
  await own.query(
    `insert into dispatcher.chain (id, chain_type, key, state, version, fence, disabled, create_time, update_time, purge_time)
     select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'order', sha256(n::text::bytea), 'done', 1, 1, false,
       now(), now() - interval '2 hours', now() + (n - 300) * interval '1 minute'
     from generate_series(1, 50000) n`,
    [],
  );
  await own.query(
    `insert into dispatcher.chain_event (id, chain_id, kind, is_move, version, from_state, final_state, requested_by, reason, event_time, position)
     select gen_random_uuid(), id, 'STATE_SET', true, 1, 'new', 'done', '', '', now(), row_number() over () from dispatcher.chain`,
    [],
  );
  await own.query(
    `insert into dispatcher.outbox_message (chain_id, version, chain_type, transition, fencing_token, body, state, create_time)
     select id, 1, 'order', 'pay', 1, '', 'DELIVERED', now() from dispatcher.chain`,
    [],
  );
  const scans = async () => {
    await own.query("select pg_stat_force_next_flush()", []);
    return own.read(
      `select relname, seq_scan from pg_stat_user_tables where schemaname = 'dispatcher'
       and relname in ('chain', 'chain_event', 'outbox_message') order by 1`,
      [],
    );
  };
  const before = await scans();
  expect(await purgeChains(own, deleteAfter(1))).toMatchObject({ pruned: 200, events: 200, messages: 200 });
  expect(await purgeChains(own, deleteAfter(1))).toMatchObject({ pruned: 100, isMore: false });
  expect(await scans()).toEqual(before);
});

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { readOccupiedStates } from "../../src/store/occupied-states.ts";
import {
  chainsInState,
  chainsWithDeadDelivery,
  chainsWithExpiringClaims,
  overdueChains,
  START,
  type StuckPlace,
  typesWithOverdueChains,
} from "../../src/store/stuck-chains.ts";
import { countExpiredClaims, oldestDueSeconds } from "../../src/store/stuck-figures.ts";
import { openMigratedDatabase } from "../support/store.ts";

const CHAINS = 100_000;
let database: Database;

beforeAll(async () => {
  // One connection: only its own backend's counters are up to date. No ANALYZE: there may be no statistics.
  database = await openMigratedDatabase({ poolSize: 1 });
  for (let from = 1; from < CHAINS; from += 20_000) {
    await database.query(
      `insert into dispatcher.chain (id, chain_type, key, state, version, fence, disabled, create_time, update_time, wake_time,
         claim_id, claim_expiry)
       select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'type ' || n % 4, sha256(n::text::bytea),
         case when n % 25000 = 0 then 'rare' else 'state ' || n % 3 end, 1, 1, n % 10 = 0, now(), now(),
         case when n % 4 < 2 then now() + case when n % 20000 = 0 then -n * interval '1 second' else interval '1 day' end end,
         case when n % 1000 = 0 then gen_random_uuid() end,
         case when n % 1000 = 0 then now() + (50500 - n) * interval '1 second' end
       from generate_series($1::int, $1::int + 19999) n`,
      [from],
    );
    // One note for each chain, three for a claimed one in ten thousand.
    await database.query(
      `insert into dispatcher.chain_event (id, chain_id, kind, is_move, version, requested_by, reason, event_time)
       select gen_random_uuid(), ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'CLAIM_EXPIRED', false, v, '', '', now()
       from generate_series($1::int, $1::int + 19999) n
       cross join lateral (select 1 as v from generate_series(1, case when n % 10000 = 0 then 3 else 1 end)
         -- Of a version before: they count no more.
         union all select 0 from generate_series(1, 3) where n % 1000 = 0) notes`,
      [from],
    );
    await database.query(
      `insert into dispatcher.outbox_message (chain_id, version, chain_type, transition, fencing_token, body, state, create_time)
       select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, v, 'type ' || n % 4, 'send', 1, '',
         case when n % 20000 = 0 and v > 1 then 'DEAD' else 'DELIVERED' end, now() - n * interval '1 second' + v * interval '1 hour'
       from generate_series($1::int, $1::int + 19999) n cross join generate_series(1, 3) v`,
      [from],
    );
  }
});
afterAll(() => database.close());

const idOf = (n: number) => `01900000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;

async function idsInPages(
  read: (after: StuckPlace, limit: number) => Promise<readonly StuckPlace[]>,
  limit: number,
): Promise<string[]> {
  const ids: string[] = [];
  let after = START;
  for (;;) {
    const page = await read(after, limit);
    ids.push(...page.map(({ id }) => id));
    const last = page.at(-1);
    if (page.length < limit || !last) return ids;
    after = last;
  }
}

async function scans() {
  await database.query("select pg_stat_force_next_flush()", []);
  return database.read(
    `select relname, seq_scan from pg_stat_user_tables where schemaname = 'dispatcher'
     and relname in ('chain', 'chain_event', 'outbox_message') order by 1`,
    [],
  );
}

const everyTwentyThousandth = [100_000, 80_000, 60_000, 40_000, 20_000].map(idOf);

test.each<[string, (limit: number) => Promise<unknown>, unknown]>([
  [
    "occupied states",
    () => readOccupiedStates(database, undefined),
    ["type 0", "type 1", "type 2", "type 3"].flatMap((chainType) =>
      [...(chainType === "type 0" ? ["rare"] : []), "state 0", "state 1", "state 2"].map((state) => ({
        chainType,
        state,
      })),
    ),
  ],
  [
    "occupied states of a type",
    () => readOccupiedStates(database, "type 2"),
    ["state 0", "state 1", "state 2"].map((state) => ({ chainType: "type 2", state })),
  ],
  [
    "in a state",
    (limit) =>
      idsInPages(
        (...page) =>
          chainsInState(database, { chainType: "type 0", state: "rare", enabledOnly: false }, ...page),
        limit,
      ),
    [25_000, 50_000, 75_000, 100_000].map(idOf),
  ],
  [
    "expiring claims",
    (limit) => idsInPages((...page) => chainsWithExpiringClaims(database, undefined, ...page), limit),
    [10, 9, 8, 7, 6, 5, 4, 3, 2, 1].map((n) => idOf(n * 10_000)),
  ],
  [
    "dead deliveries",
    (limit) => idsInPages((...page) => chainsWithDeadDelivery(database, undefined, ...page), limit),
    everyTwentyThousandth,
  ],
  [
    "dead deliveries of a type that has none",
    (limit) => idsInPages((...page) => chainsWithDeadDelivery(database, "type 3", ...page), limit),
    [],
  ],
  [
    "types with overdue chains",
    () => typesWithOverdueChains(database, ["type 0", "type 1", "type 2", "other"]),
    ["type 0"],
  ],
  [
    "overdue chains",
    (limit) => idsInPages((...page) => overdueChains(database, "type 0", ...page), limit),
    everyTwentyThousandth,
  ],
  ["expired claims, counted", () => countExpiredClaims(database), 50],
])("of 100,000 chains only the stuck ones are read, by index: %s", async (_, read, expected) => {
  const before = await scans();
  for (const limit of [1, 2, 100]) expect(await read(limit)).toEqual(expected);
  expect(await scans()).toEqual(before);
});

test("the age of the oldest due chain is read by index, too", async () => {
  const before = await scans();
  const seconds = await oldestDueSeconds(database, ["type 1", "type 0", "other"]);
  expect(seconds).toBeGreaterThanOrEqual(100_000);
  expect(seconds).toBeLessThan(100_600);
  expect(await oldestDueSeconds(database, ["type 1"])).toBe(0);
  expect(await scans()).toEqual(before);
});

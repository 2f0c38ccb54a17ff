import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { finishDeliveries } from "../../src/store/finish-deliveries.ts";
import { takeDeliveries } from "../../src/store/take-deliveries.ts";
import { moveWithEffect, takeable } from "../support/outbox.ts";
import { openMigratedDatabase } from "../support/store.ts";

/** How often the outbox has been read whole, and how many entries of its indexes have been read. */
async function readings({ query, read }: Database): Promise<{ scans: number; entries: number }> {
  await query("select pg_stat_force_next_flush()", []);
  const [row] = await read<{ scans: number; entries: number }>(
    `select (select seq_scan::integer from pg_stat_user_tables where relname = 'outbox_message') as scans,
       (select sum(idx_tup_read)::integer from pg_stat_user_indexes where relname = 'outbox_message') as entries`,
    [],
  );
  if (!row) throw new Error("no statistics");
  return row;
}

/** Chains in pairs of a message in backoff and one, due, that waits for it; all of a destination that is dead. */
const fill = (database: Database, from: number, to: number) =>
  database.query(
    `insert into dispatcher.outbox_message (chain_id, version, chain_type, transition, fencing_token, body, state,
       attempts, next_attempt_time, create_time)
     select md5(i::text)::uuid, v, 'order', 'refund', v, '', 'PENDING', 2 - v,
       clock_timestamp() + case v when 1 then interval '1 hour' else interval '-1 minute' end, clock_timestamp()
     from generate_series($1::integer, $2::integer) i, generate_series(1, 2) v`,
    [from, to],
  );

test("with much that waits for a dead destination, a look at the outbox reads only what it takes", async () => {
  // One connection, which keeps the plans that it made while the outbox was empty.
  const database = await openMigratedDatabase({ poolSize: 1 });
  const lookAround = async () => {
    await moveWithEffect(database);
    const places = [takeable("pay", { most: 2 }), takeable("refund", { destination: 1, most: 2 })];
    const taken = await takeDeliveries(database, places, randomUUID());
    const deliveries = taken.flatMap((one) => one.deliveries);
    expect(deliveries).toHaveLength(1);
    await finishDeliveries(
      database,
      deliveries.map((delivery) => ({ delivery, end: { kind: "delivered" } })),
    );
    return taken[1]?.parked;
  };
  await lookAround();
  const empty = await readings(database);
  for (let from = 1; from <= 10_000; from += 2_500) await fill(database, from, from + 2_499);
  for (const analysed of [false, true]) {
    // Makes all plans anew, by what the outbox holds now.
    if (analysed) await database.query("analyze dispatcher.outbox_message", []);
    const before = await readings(database);
    expect(await lookAround()).toBe(12);
    const after = await readings(database);
    expect(after.scans).toBe(empty.scans);
    // For each of the 12: it is found, the one before it is found and held, and it is found once more to be parked.
    expect(after.entries - before.entries).toBeLessThan(100);
  }
  await database.close();
});

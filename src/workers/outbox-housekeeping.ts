import type { Database } from "../store/database.ts";
import { deleteDelivered } from "../store/delete-delivered.ts";
import { type Loop, startLoop } from "./loop.ts";

const INTERVAL_MS = 60_000;
/** Small enough that nobody waits for what it locks. */
const MOST_AT_ONCE = 1_000;

/** Deletes what was delivered long ago; how many messages they were. */
export async function runOutboxHousekeeping(database: Database): Promise<number> {
  let total = 0;
  for (;;) {
    const deleted = await deleteDelivered(database, MOST_AT_ONCE);
    total += deleted;
    if (deleted < MOST_AT_ONCE) return total;
  }
}

export function startOutboxHousekeeping(database: Database, onError: (error: unknown) => void): Loop {
  return startLoop(() => runOutboxHousekeeping(database), { intervalMs: INTERVAL_MS, onError });
}

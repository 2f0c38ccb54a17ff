import type { Database } from "./database.ts";
import { guarded } from "./guarded.ts";
import { type ChainFilter, type ChainPlace, chainRows } from "./list-chains.ts";

/** A chain that a sweep has come to, in the version in which it passed the filter. */
export interface SweptChain {
  readonly id: string;
  readonly version: number;
}

/**
 * Every chain that passed the filter when it began, page by page as they are taken, each at most once: what is created, moved
 * or rescheduled after the beginning is left out.
 */
export async function* sweepChains(
  database: Database,
  filter: Omit<ChainFilter, "untouchedSince">,
  pageSize: number,
): AsyncGenerator<SweptChain, void, undefined> {
  const untouchedSince = await readClock(database);
  let place: ChainPlace | undefined;
  do {
    const after = place;
    const page = await guarded(() => chainRows(database, { ...filter, untouchedSince }, after, pageSize));
    for (const { id, version } of page.rows) yield { id, version: Number(version) };
    place = page.next;
  } while (place);
}

/** As text, which has the microseconds: a chain that was made a moment ago is not to be missed. */
async function readClock({ read }: Database): Promise<string> {
  const [row] = await read<{ now: string }>("select clock_timestamp()::text as now", []);
  if (!row) throw new Error("the database gave no time");
  return row.now;
}

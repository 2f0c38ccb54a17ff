import type { Chain } from "../domain/chain.ts";
import type { RecordedMove } from "../domain/chain-event.ts";
import type { Hold } from "../domain/hold.ts";
import { type ChainRow, chainColumns, chainColumnTypes, chainFromRow } from "./chain-row.ts";
import type { Database } from "./database.ts";
import { EVENT_COLUMNS, type EventRow, eventColumnTypes, recordedMoveFromRow } from "./event-row.ts";
import { batchOf, hotStatement } from "./hot-statement.ts";

export interface ChainLookup {
  /** By id or by key. */
  readonly ref: { readonly id: string } | { readonly key: Buffer };
  /** Empty: none. */
  readonly requestId: string;
}

/** What the database knows of one lookup, at one instant. */
export interface ChainReading {
  /** The database's clock. */
  readonly now: Date;
  readonly chain?: Chain | undefined;
  /** What holds the chain's transitions in its present version, under this revision. */
  readonly held?: { readonly revision: number; readonly holds: readonly Hold[] } | undefined;
  /** The move that the request id has made, which outlives the chain. */
  readonly recorded?: RecordedMove | undefined;
}

/**
 * Reads chains, their holds and what their request ids have already done, in one statement: read by two, a winner could
 * commit between them and its repetition would look new.
 */
export async function readChains(
  database: Database,
  lookups: readonly ChainLookup[],
): Promise<ChainReading[]> {
  const rows = await database.read<Row>(readChainsStatement.callIn(database.schema), [
    batchOf(lookups.map((lookup) => JSON.stringify(rowOf(lookup)))),
  ]);
  return rows.map((row) => ({
    now: row.now,
    chain: row.id === null ? undefined : chainFromRow(row as ChainRow),
    held: row.holds ? { revision: row.holds_revision ?? 0, holds: row.holds.map(holdFromStored) } : undefined,
    recorded: row.event_id === null ? undefined : recordedMoveFromRow(row as EventRow),
  }));
}

const input = { id: "uuid", key: "bytea", request_id: "text" };

function rowOf({ ref, requestId }: ChainLookup): Partial<Record<keyof typeof input, string>> {
  const which = "id" in ref ? { id: ref.id } : { key: `\\x${ref.key.toString("hex")}` };
  return requestId ? { ...which, request_id: requestId } : which;
}

type StoredHold = Omit<Hold, "notBefore"> & { readonly notBefore: string };

type Row = (ChainRow | { readonly id: null }) &
  (EventRow | { readonly event_id: null }) & {
    readonly now: Date;
    readonly holds: StoredHold[] | null;
    readonly holds_revision: number | null;
  };

function holdFromStored(hold: StoredHold): Hold {
  return { ...hold, notBefore: new Date(hold.notBefore) };
}

// One index scan for each lookup and table, which the limits ask for: as plain joins, tables without statistics, or with many
// lookups, would be read whole.
export const readChainsStatement = hotStatement({
  name: "read_chains",
  input,
  output: {
    now: "timestamptz",
    ...chainColumnTypes,
    holds: "json",
    holds_revision: "integer",
    ...eventColumnTypes,
  },
  text: (schema, from) => `
  select clock_timestamp() as now, ${chainColumns(schema)}, a.holds, a.revision as holds_revision, ${EVENT_COLUMNS}
  from (
    select n, request_id, coalesce(id, (select k.id from ${schema}.chain k where k.key = i.key)) as id
    from ${from}
    offset 0
  ) i
  left join lateral (select * from ${schema}.chain where id = i.id limit 1) c on true
  left join lateral (
    select holds, revision from ${schema}.chain_attempt where chain_id = c.id and version = c.version limit 1
  ) a on true
  left join lateral (
    select * from ${schema}.chain_event where chain_id = i.id and request_id = i.request_id and is_move limit 1
  ) e on true
  order by i.n`,
});

import type { Chain } from "../domain/chain.ts";
import type { RecordedMove } from "../domain/chain-event.ts";
import type { ClaimedTransition } from "../domain/claim.ts";
import type { Hold } from "../domain/hold.ts";
import { type ChainRow, chainColumns, chainColumnTypes, chainFromRow } from "./chain-row.ts";
import { type ClaimRow, claimFromRow, livingClaim } from "./claim-row.ts";
import type { Database } from "./database.ts";
import { EVENT_COLUMNS, type EventRow, eventColumnTypes, recordedMoveFromRow } from "./event-row.ts";
import { batchOf, hotStatement } from "./hot-statement.ts";

export interface ChainLookup {
  /** By id or by key. */
  readonly ref: { readonly id: string } | { readonly key: Buffer };
  /** Empty: none. */
  readonly requestId: string;
}

export interface Attempted {
  readonly revision: number;
  /** What holds transitions, under that revision. */
  readonly holds: readonly Hold[];
  /** How often nothing was valid, and how often it could not be told. */
  readonly noValidCount: number;
  readonly errorCount: number;
}

/** What the database knows of one lookup, at one instant. */
export interface ChainReading {
  /** The database's clock. */
  readonly now: Date;
  readonly chain?: Chain | undefined;
  /** What attempts in the chain's present version have left. */
  readonly attempted?: Attempted | undefined;
  /** The claim that the request id has taken, while it lives. */
  readonly claimed?: ClaimedTransition | undefined;
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
  return rows.map((row) => {
    const chain = row.id === null ? undefined : chainFromRow(row as ChainRow);
    return {
      now: row.now,
      chain,
      attempted: row.holds ? attemptedFromRow(row as AttemptedRow) : undefined,
      claimed: chain && row.claim ? claimFromRow(row.claim, chain) : undefined,
      recorded: row.event_id === null ? undefined : recordedMoveFromRow(row as EventRow),
    };
  });
}

const input = { id: "uuid", key: "bytea", request_id: "text" };

function rowOf({ ref, requestId }: ChainLookup): Partial<Record<keyof typeof input, string>> {
  const which = "id" in ref ? { id: ref.id } : { key: `\\x${ref.key.toString("hex")}` };
  return requestId ? { ...which, request_id: requestId } : which;
}

type StoredHold = Omit<Hold, "notBefore"> & { readonly notBefore: string };

interface AttemptedRow {
  readonly holds: StoredHold[];
  readonly attempt_revision: number;
  readonly no_valid_count: number;
  readonly error_count: number;
}

type Row = (ChainRow | { readonly id: null }) &
  (EventRow | { readonly event_id: null }) &
  (AttemptedRow | { readonly holds: null }) & {
    readonly now: Date;
    readonly claim: ClaimRow | null;
  };

function attemptedFromRow(row: AttemptedRow): Attempted {
  return {
    revision: row.attempt_revision,
    holds: row.holds.map((hold) => ({ ...hold, notBefore: new Date(hold.notBefore) })),
    noValidCount: row.no_valid_count,
    errorCount: row.error_count,
  };
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
    attempt_revision: "integer",
    no_valid_count: "integer",
    error_count: "integer",
    claim: "json",
    ...eventColumnTypes,
  },
  text: (schema, from) => `
  select clock_timestamp() as now, ${chainColumns(schema)}, a.holds, a.revision as attempt_revision,
    a.no_valid_count, a.error_count, k.claim, ${EVENT_COLUMNS}
  from (
    select n, request_id, coalesce(id, (select k.id from ${schema}.chain k where k.key = i.key)) as id
    from ${from}
    offset 0
  ) i
  left join lateral (select * from ${schema}.chain where id = i.id limit 1) c on true
  left join lateral (
    select * from ${schema}.chain_attempt where chain_id = c.id and version = c.version limit 1
  ) a on true
  left join lateral (${livingClaim(schema, "k.request_id = i.request_id")}) k on true
  left join lateral (
    select * from ${schema}.chain_event where chain_id = i.id and request_id = i.request_id and is_move limit 1
  ) e on true
  order by i.n`,
});

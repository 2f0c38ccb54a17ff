import type { ChainType } from "../domain/chain-type.ts";
import { LEASE_MS } from "../domain/execute-limits.ts";
import { changedWaking } from "../domain/upkeep.ts";
import type { Database } from "./database.ts";
import { guarded } from "./guarded.ts";

/**
 * So long after a revision was left, something that was decided under it may still be written: by a sidecar that has not
 * heard of the new one yet, in the longest Execute.
 */
export const SETTLED_MS = LEASE_MS + 5_000;

/** A chain type whose chains are not known to be in line with its current revision. */
export interface LaggingType {
  readonly chainType: string;
  readonly currentRevision: number;
  readonly upkeepRevision: number;
  /** Whether sidecars go on with chains by themselves, in the states in which that has changed. */
  readonly changed: readonly { readonly state: string; readonly wakes: boolean }[];
}

export async function findLaggingTypes({ read, schema }: Database): Promise<LaggingType[]> {
  const rows = await read<{
    name: string;
    current_revision: number;
    upkeep_revision: number;
    current: ChainType;
    former: ChainType[] | null;
  }>(
    `select t.name, t.current_revision, t.upkeep_revision, c.definition as current,
       (select json_agg(f.definition) from ${schema}.chain_type_revision f
        where f.chain_type = t.name and f.revision <> t.current_revision
          and (t.upkeep_revision = 0 or f.revision = t.upkeep_revision)) as former
     from ${schema}.chain_type t
     join ${schema}.chain_type_revision c on c.chain_type = t.name and c.revision = t.current_revision
     where t.upkeep_revision <> t.current_revision`,
    [],
  );
  return rows.map(({ name, current_revision, upkeep_revision, current, former }) => ({
    chainType: name,
    currentRevision: current_revision,
    upkeepRevision: upkeep_revision,
    changed: changedWaking(current, former ?? []),
  }));
}

export interface Page {
  /** The last chain that was looked at; unset if there was none any more. */
  readonly lastId?: string | undefined;
  readonly changed: number;
  /** Chains that somebody had locked: they are still as they were. */
  readonly skipped: number;
}

/** Few enough that nobody waits long for the rows that are locked meanwhile. */
const PAGE_ROWS = 500;
/** Before all ids. */
export const FIRST_ID = "00000000-0000-0000-0000-000000000000";

/** Brings the next chains in a state, in the order of their ids, in line with whether sidecars go on with them there. */
export async function bringPageInLine(
  database: Database,
  chainType: string,
  { state, wakes }: LaggingType["changed"][number],
  afterId: string,
): Promise<Page> {
  const { schema } = database;
  const [row] = await guarded(() =>
    database.query<{ last_id: string | null; changed: string; out_of_line: string }>(
      `with page as materialized (
         select id from ${schema}.chain where chain_type = $1 and state = $2 and id > $3::uuid
         order by id limit ${PAGE_ROWS}
       ),
       held as materialized (
         select c.id from page join ${schema}.chain c using (id) where ${OUT_OF_LINE}
         order by c.id for no key update of c skip locked
       ),
       changed as (
         update ${schema}.chain c set wake_time = ${WAKE_TIME}
         from held where c.id = held.id
         returning c.id
       )
       select (select id from page order by id desc limit 1) as last_id, (select count(*) from changed) as changed,
         (select count(*) from page join ${schema}.chain c using (id) where ${OUT_OF_LINE}) as out_of_line`,
      [chainType, state, afterId, wakes],
    ),
  );
  const changed = Number(row?.changed);
  return { lastId: row?.last_id ?? undefined, changed, skipped: Number(row?.out_of_line) - changed };
}

// One that has a time already keeps it: somebody knew better when it is due.
const WAKE_TIME = `case when $4::boolean and not c.disabled
  then coalesce(c.wake_time, greatest(c.next_update_time, clock_timestamp())) end`;
const OUT_OF_LINE = "c.state = $2 and (c.wake_time is null) = ($4::boolean and not c.disabled)";

/** Unless another revision has become current meanwhile. */
export async function markInLine(
  { query, schema }: Database,
  { chainType, currentRevision, upkeepRevision }: LaggingType,
): Promise<void> {
  await guarded(() =>
    query(
      `update ${schema}.chain_type set upkeep_revision = $2
       where name = $1 and current_revision = $2 and upkeep_revision = $3`,
      [chainType, currentRevision, upkeepRevision],
    ),
  );
}

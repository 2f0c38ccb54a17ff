import type { StreamHead } from "../domain/stream-place.ts";
import type { Database } from "./database.ts";
import { guarded } from "./guarded.ts";
import { batchOf, hotStatement } from "./hot-statement.ts";

export interface Assigned {
  readonly head: StreamHead;
  /** How many events were found without a position, at most about `most`. */
  readonly found: number;
}

/**
 * Gives positions to events that have none, up to `most` of them and a few more where a chain's version has several: each chain's
 * in the order of its versions, notes after the move that they saw (R14).
 *
 * Positions are given after the commit, because those given within it would be committed in another order than they were
 * given, or make all commits wait for each other. Whoever gives them holds the head until its commit, so that no position
 * appears below one that a reader has seen. A lost answer does no harm: what has a position is not found again.
 */
export async function assignPositions(database: Database, most: number): Promise<Assigned> {
  const [row] = await guarded(() =>
    database.query<Row>(assignPositionsStatement.callIn(database.schema), [
      batchOf([JSON.stringify({ most })]),
    ]),
  );
  if (!row) throw new Error("event_head has lost its row: restore it, or no event gets a position any more");
  return { head: headFromRow(row), found: Number(row.found) };
}

export interface HeadRow {
  readonly epoch: string;
  readonly head_position: string;
  readonly pruned_position: string;
}

export function headFromRow(row: HeadRow): StreamHead {
  return {
    epoch: Number(row.epoch),
    position: Number(row.head_position),
    prunedPosition: Number(row.pruned_position),
  };
}

interface Row extends HeadRow {
  readonly found: string;
}

// Where nothing is to be done the head is not locked, since a lock is written to disk as well. Two may find the same events, the
// second while it waits for the head: the UPDATE judges each row as it is then. It does so in words from which PostgreSQL
// does not conclude that the index of the events without position would do, which it thinks nearly empty.
export const assignPositionsStatement = hotStatement({
  name: "assign_positions",
  planned: "each call",
  input: { most: "integer" },
  output: { epoch: "bigint", head_position: "bigint", pruned_position: "bigint", found: "bigint" },
  text: (schema, from) => `
  with head as materialized (
    select h.position from ${schema}.event_head h
    where h.only_row and exists (select from ${schema}.chain_event e where e.position is null)
    for update
  ),
  found as materialized (
    select e.id, row_number() over (order by e.chain_id, e.version, e.is_move desc, e.event_time, e.id) as n
    from (
      select id, chain_id, version, is_move, event_time from ${schema}.chain_event where position is null
      order by chain_id, version fetch first (select i.most from ${from}) rows with ties
    ) e
  ),
  placed as (
    update ${schema}.chain_event e set position = h.position + f.n
    from head h, found f
    where e.id = f.id and coalesce(e.position, 0) = 0
    returning e.position
  ),
  raised as (
    update ${schema}.event_head h set position = p.position
    from (select max(position) as position from placed) p
    where h.only_row and p.position is not null
    returning h.position
  )
  select h.epoch, coalesce((select position from raised), (select position from head), h.position), h.pruned_position,
    (select count(*) from found)
  from ${schema}.event_head h where h.only_row`,
});

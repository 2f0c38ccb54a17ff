import type { ChainEvent } from "../domain/chain-event.ts";
import type { Database } from "./database.ts";
import { EVENT_COLUMNS, type EventRow, eventFromRow } from "./event-row.ts";

/** The last event of a page. */
export interface EventPlace {
  readonly version: number;
  readonly isMove: boolean;
  readonly id: string;
}

/** A chain's history in the order of its versions, notes after the move that they saw. */
export async function listEvents(
  { read, schema }: Database,
  chainId: string,
  after: EventPlace | undefined,
  limit: number,
): Promise<ChainEvent[]> {
  const rows = await read<EventRow>(
    `select ${EVENT_COLUMNS}, e.position as event_position from ${schema}.chain_event e
     where e.chain_id = $1
       and ($2::bigint is null or (e.version, not e.is_move, e.id) > ($2, not $3::boolean, $4::uuid))
       and ($2::bigint is null or e.version >= $2)
     order by e.version, e.is_move desc, e.id limit $5`,
    [chainId, after?.version ?? null, after?.isMove ?? null, after?.id ?? null, limit],
  );
  return rows.map(eventFromRow);
}

export function placeOf({ id, kind, version }: ChainEvent): EventPlace {
  return { id, version, isMove: MOVES.has(kind) };
}

const MOVES: ReadonlySet<ChainEvent["kind"]> = new Set(["TRANSITIONED", "STATE_SET", "MIGRATED", "IMPORTED"]);

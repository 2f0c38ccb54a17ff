import type { RecordedMove } from "../domain/chain-event.ts";
import type { Database } from "./database.ts";
import { EVENT_COLUMNS, type EventRow, recordedMoveFromRow } from "./event-row.ts";

/** The move that made a version of a chain, if it has been made. */
export async function readMove(
  { read, schema }: Database,
  chainId: string,
  version: number,
): Promise<RecordedMove | undefined> {
  const [row] = await read<EventRow>(
    `select ${EVENT_COLUMNS} from ${schema}.chain_event e where e.chain_id = $1 and e.version = $2 and e.is_move`,
    [chainId, version],
  );
  return row && recordedMoveFromRow(row);
}

/** A move by the id of its event. */
export async function readMoveById(
  { read, schema }: Database,
  eventId: string,
): Promise<RecordedMove | undefined> {
  const [row] = await read<EventRow>(
    `select ${EVENT_COLUMNS} from ${schema}.chain_event e where e.id = $1 and e.is_move`,
    [eventId],
  );
  return row && recordedMoveFromRow(row);
}

/** True if an event with this id has been written. */
export async function isEventWritten({ read, schema }: Database, eventId: string): Promise<boolean> {
  const rows = await read(`select from ${schema}.chain_event where id = $1`, [eventId]);
  return rows.length > 0;
}

import type { ChainEvent } from "../domain/chain-event.ts";
import type { FilteredChain } from "../domain/chain-filter.ts";
import type { StreamHead } from "../domain/stream-place.ts";
import { resourceFromPair, resourcesOf } from "./chain-row.ts";
import type { Database } from "./database.ts";
import {
  type ChainAfter,
  EVENT_COLUMNS,
  type EventRow,
  eventColumnTypes,
  eventFromRow,
} from "./event-row.ts";
import { batchOf, hotStatement } from "./hot-statement.ts";
import { type HeadRow, headFromRow } from "./positions.ts";

/** An event of the stream. */
export interface StreamedEvent {
  readonly position: number;
  readonly event: ChainEvent;
  /** Its chain as it is now; unset where chains were not asked for, or nothing is known of this one any more. */
  readonly chain?: FilteredChain | undefined;
}

/** A stretch of the stream without a gap. */
export interface EventPage {
  /** How far the stream went when the page was read. */
  readonly head: StreamHead;
  readonly events: readonly StreamedEvent[];
  /** The page begins after this position, and has all events up to the other. */
  readonly after: number;
  readonly end: number;
  /** What its events take in the database, uncompressed. */
  readonly bytes: number;
}

/** So small that reading one holds up the calls of others for a few milliseconds at most, and that a watcher may keep one. */
const MOST_EVENTS = 250;
const MOST_BYTES = 256 * 1024;

/**
 * The events after a position: at most 250, and no more of them than 256 KiB hold, but one in any case. Their chains only if asked for.
 *
 * What retention has deleted is not among them: the head tells whether that can be.
 */
export async function readEvents(
  { read, schema }: Database,
  after: number,
  withChains: boolean,
): Promise<EventPage> {
  const rows = await read<Row>(readEventsStatement.callIn(schema), [
    batchOf([JSON.stringify({ after, with_chains: withChains })]),
  ]);
  const [first] = rows;
  if (!first) throw new Error("event_head has lost its row: restore it");
  const head = headFromRow(first);
  const events = rows.flatMap((row) => (row.event_id === null ? [] : eventOf(row)));
  const bytes = rows.reduce((sum, row) => sum + (row.size ?? 0), 0);
  const last = events.length === MOST_EVENTS || bytes >= MOST_BYTES ? events.at(-1) : undefined;
  return { head, events, after, end: last?.position ?? head.position, bytes };
}

type Row = HeadRow &
  (EventRow | { readonly event_id: null }) & {
    readonly event_position: string;
    readonly size: number | null;
    readonly chain_type: string | null;
    readonly state: string;
    readonly disabled: boolean;
    readonly is_early: boolean;
    readonly resources: readonly [string, string][] | null;
    /** Of a chain that has been deleted. */
    readonly chain_before: ChainAfter | null;
  };

function eventOf(row: Row & EventRow): StreamedEvent {
  return { position: Number(row.event_position), event: eventFromRow(row), chain: chainOf(row) };
}

function chainOf(row: Row): FilteredChain | undefined {
  if (row.chain_type !== null) {
    return {
      chainType: row.chain_type,
      state: row.state,
      resources: (row.resources ?? []).map(resourceFromPair),
      disabled: row.disabled,
      isEarly: row.is_early,
    };
  }
  if (!row.chain_before) return undefined;
  const { chainType, resources, disabled } = row.chain_before;
  return { chainType, resources: resources.map(resourceFromPair), disabled, isEarly: false };
}

/** octet_length tells the length of JSON as it is sent, which is what a page takes here. */
const SIZE = ["evaluations", "context", "chain_after", "added_resources", "reason"]
  .map((column) => `coalesce(octet_length(e.${column}::text), 0)`)
  .join(" + ");

// All by one snapshot: the head tells of the very events that are read, and of what retention has deleted of them.
export const readEventsStatement = hotStatement({
  name: "read_events",
  input: { after: "bigint", with_chains: "boolean" },
  output: {
    epoch: "bigint",
    head_position: "bigint",
    pruned_position: "bigint",
    ...eventColumnTypes,
    event_position: "bigint",
    size: "integer",
    chain_type: "text",
    state: "text",
    disabled: "boolean",
    is_early: "boolean",
    resources: "json",
    chain_before: "json",
  },
  text: (schema, from) => `
  select h.epoch, h.position, h.pruned_position, ${Object.keys(eventColumnTypes)
    .map((name) => `p.${name}`)
    .join(", ")}, p.position, p.size,
    c.chain_type, c.state, c.disabled, c.is_early, c.resources, d.chain_before
  from ${from}
  join ${schema}.event_head h on h.only_row
  left join lateral (
    select * from (
      select e.*, sum(e.size) over (order by e.position) - e.size as bytes_before
      from (
        select ${EVENT_COLUMNS}, e.position, ${SIZE} as size
        from ${schema}.chain_event e where e.position > i.after order by e.position limit ${MOST_EVENTS}
      ) e
    ) e where e.bytes_before < ${MOST_BYTES}
  ) p on true
  left join lateral (
    select c.chain_type, c.state, c.disabled, coalesce(c.next_update_time > clock_timestamp(), false) as is_early,
      ${resourcesOf(schema, "c.id")} as resources
    from ${schema}.chain c where i.with_chains and c.id = p.chain_id
  ) c on true
  left join lateral (
    select d.chain_after as chain_before from ${schema}.chain_event d
    where i.with_chains and c.chain_type is null and d.chain_id = p.chain_id and d.kind = 'DELETED'
    order by d.version desc limit 1
  ) d on true
  order by p.position`,
});

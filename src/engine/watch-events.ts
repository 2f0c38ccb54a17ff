import type { ChainEvent } from "../domain/chain-event.ts";
import { type ChainFilter, isEmpty, passes } from "../domain/chain-filter.ts";
import { Refusal } from "../domain/refusal.ts";
import type { StreamPlace } from "../domain/stream-place.ts";
import { cursorOf, placeFromCursor, refuseExpired } from "./event-cursor.ts";
import type { EventFeed } from "./event-feed.ts";
import type { Registry } from "./registry.ts";

export interface WatchCommand {
  /** Empty: from now on, or from the oldest event that is kept. */
  readonly cursor: string;
  readonly fromBeginning: boolean;
  readonly filter: ChainFilter;
}

/** An event, or without one a heartbeat: all events up to the cursor that pass the filter have been given. */
export interface Watched {
  readonly event?: ChainEvent | undefined;
  readonly cursor: string;
}

/** After so long without an event there is a heartbeat. */
export const HEARTBEAT_MS = 15_000;

/**
 * The events after a cursor that pass a filter, and then new ones as they come, with a heartbeat first of all. It reads as it is
 * asked: for a reader that takes nothing it keeps a page and reads no other.
 *
 * Ends with the signal. When the sidecar stops, it gives one more heartbeat and then throws a Refusal NOT_READY.
 */
export async function* watchEvents(
  { feed, registry }: { readonly feed: EventFeed; readonly registry: Registry },
  { cursor, fromBeginning, filter }: WatchCommand,
  signal: AbortSignal,
  heartbeatMs = HEARTBEAT_MS,
): AsyncGenerator<Watched, void, undefined> {
  const given = cursor === "" ? undefined : placeFromCursor(cursor);
  const isFinal: Parameters<typeof passes>[2] = (chain) => registry.isFinal(chain);
  const isFiltered = !isEmpty(filter);
  feed.enter(isFiltered);
  try {
    let place = await startOf(feed, given, fromBeginning);
    let lastMs = performance.now();
    yield { cursor: cursorOf(place) };
    while (!signal.aborted) {
      let page = await feed.pageAfter(place, isFiltered);
      for (const { event, position, chain } of page?.events ?? []) {
        if (feed.isClosed) break;
        place = { ...place, position };
        if (isFiltered && !(chain && passes(filter, chain, isFinal))) continue;
        yield { event, cursor: cursorOf(place) };
        lastMs = performance.now();
      }
      if (feed.isClosed) {
        yield { cursor: cursorOf(place) };
        throw stopping(place);
      }
      if (page) place = { ...place, position: page.end };
      // Not kept while there is nothing to send.
      page = undefined;
      const quietMs = performance.now() - lastMs;
      if (quietMs >= heartbeatMs) {
        yield { cursor: cursorOf(place) };
        lastMs = performance.now();
      } else {
        await feed.goesOn(place, heartbeatMs - quietMs, signal);
      }
    }
  } finally {
    feed.leave();
  }
}

async function startOf(
  feed: EventFeed,
  given: StreamPlace | undefined,
  fromBeginning: boolean,
): Promise<StreamPlace> {
  const head = await feed.advance();
  if (given) refuseExpired(given, head);
  return given ?? { epoch: head.epoch, position: fromBeginning ? head.prunedPosition : head.position };
}

function stopping(place: StreamPlace): Refusal {
  return new Refusal(
    "NOT_READY",
    "The sidecar is stopping and ends its streams. Go on from the last cursor at another sidecar, or here when it is back.",
    { metadata: { why: "stopping", cursor: cursorOf(place) }, retryAfterMs: 1000 },
  );
}

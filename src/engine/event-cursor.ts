import { Refusal } from "../domain/refusal.ts";
import type { StreamHead, StreamPlace } from "../domain/stream-place.ts";

/** A place in the stream as a watcher keeps it: opaque, and the same at every sidecar of the database. */
export function cursorOf({ epoch, position }: StreamPlace): string {
  return Buffer.from(`${epoch}.${position}`).toString("base64url");
}

/** @throws Refusal INVALID_REQUEST if no stream gave such a cursor */
export function placeFromCursor(cursor: string): StreamPlace {
  const text = Buffer.from(cursor, "base64url").toString("latin1");
  const [, epoch, position] = /^(\d{1,15})\.(0|[1-9]\d{0,14})$/.exec(text) ?? [];
  const place = { epoch: Number(epoch), position: Number(position) };
  if (cursorOf(place) === cursor) return place;
  const message = "is not one that WatchChainEvents gave: pass on the last one that came, or none";
  throw new Refusal("INVALID_REQUEST", `The cursor ${message}.`, {
    problems: [{ field: "cursor", message }],
  });
}

/** Refuses a place from which the stream cannot go on without a gap. */
export function refuseExpired(place: StreamPlace, head: StreamHead): void {
  const why = whyExpired(place, head);
  if (why === undefined) return;
  const oldest_cursor = cursorOf({ epoch: head.epoch, position: head.prunedPosition });
  throw new Refusal(
    "CURSOR_EXPIRED",
    `The stream cannot go on from the cursor: ${why}. Read the chains anew, then go on from the oldest cursor, ${oldest_cursor}.`,
    { metadata: { cursor: cursorOf(place), oldest_cursor, why } },
  );
}

function whyExpired({ epoch, position }: StreamPlace, head: StreamHead): string | undefined {
  if (epoch !== head.epoch) return `it is of epoch ${epoch}, and this is epoch ${head.epoch}`;
  if (position < head.prunedPosition)
    return `events up to position ${head.prunedPosition} may have been deleted, and it stands at ${position}`;
  // As after a restore of which nobody has told by a new epoch.
  if (position > head.position)
    return `it stands at position ${position}, and the stream has come to ${head.position} only`;
  return undefined;
}

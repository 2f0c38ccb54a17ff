import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import { durationFromMs, durationMs, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";

export function timeToProto(time: Date | undefined): Timestamp | undefined {
  return time && timestampFromDate(time);
}

/** Rounded up to the millisecond, so that what waits for a time is never early. */
export function timeFromProto(timestamp: Timestamp | undefined): Date | undefined {
  if (!timestamp) return undefined;
  const roundUp = timestamp.nanos % 1_000_000 > 0 ? 1 : 0;
  return new Date(timestampDate(timestamp).getTime() + roundUp);
}

export function durationToProto(ms: number | undefined): Duration | undefined {
  return ms === undefined ? undefined : durationFromMs(ms);
}

export function durationFromProto(duration: Duration | undefined): number | undefined {
  return duration && durationMs(duration);
}

import type { Refusal } from "../domain/refusal.ts";

/** What a handler knows of the call that it answers, besides the request. */
export interface Call {
  /** Aborted when the caller goes away, its deadline passes or the sidecar stops for good. */
  readonly signal: AbortSignal;
  /** The caller's deadline on the process's monotonic clock (`performance.now()`); undefined if it set none. */
  readonly deadlineMs?: number | undefined;
  /** Ends the call, whatever its handler does; it is told by the signal. */
  end(refusal: Refusal): void;
}

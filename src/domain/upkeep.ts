import { type ChainType, hasState, isFinal, statesOf } from "./chain-type.ts";

/** What becomes of a chain by itself from a state on. */
export interface Upkeep {
  /** A sidecar goes on with it as soon as it is due (R23). */
  readonly wakes: boolean;
  /** So long after it came there, retention has something to delete of it. */
  readonly purgeAfterMs?: number | undefined;
}

export function upkeepIn(chainType: ChainType, state: string): Upkeep {
  // In a state that the type lacks a chain has not ended: it goes on from the one that it is migrated to.
  const hasEnded = hasState(chainType, state) && isFinal(chainType, state);
  if (!hasEnded) return { wakes: chainType.autoExecute !== undefined };
  const { deleteEventsAfterMs, forgetAfterMs } = chainType.retention ?? {};
  return { wakes: false, purgeAfterMs: deleteEventsAfterMs ?? forgetAfterMs };
}

/** The states of a revision in which sidecars go on with chains, or no longer do, other than under one of those before. */
export function changedWaking(
  current: ChainType,
  former: readonly ChainType[],
): { readonly state: string; readonly wakes: boolean }[] {
  return statesOf(current).flatMap((state) => {
    const { wakes } = upkeepIn(current, state);
    const isChanged = former.some(
      (before) => !hasState(before, state) || upkeepIn(before, state).wakes !== wakes,
    );
    return isChanged ? [{ state, wakes }] : [];
  });
}

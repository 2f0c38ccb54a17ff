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

/** The states of a revision in which something else becomes of chains by themselves than under one of those before. */
export function changedUpkeep(
  current: ChainType,
  former: readonly ChainType[],
): { readonly state: string; readonly upkeep: Upkeep }[] {
  return statesOf(current).flatMap((state) => {
    const upkeep = upkeepIn(current, state);
    const isChanged = former.some(
      (before) => !hasState(before, state) || !isSame(upkeepIn(before, state), upkeep),
    );
    return isChanged ? [{ state, upkeep }] : [];
  });
}

function isSame(one: Upkeep, other: Upkeep): boolean {
  return one.wakes === other.wakes && one.purgeAfterMs === other.purgeAfterMs;
}

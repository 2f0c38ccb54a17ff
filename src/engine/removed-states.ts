import { type CurrentRevision, hasState, statesOf } from "../domain/chain-type.ts";
import { Refusal } from "../domain/refusal.ts";
import type { Registration } from "../store/registry-store.ts";

/** A state that a revision does not have, and what that means for its chains. */
export interface RemovedState {
  readonly state: string;
  /** How many stand in it, counted up to MOST_COUNTED. */
  readonly chains: number;
  /** Where they are migrated to; unset if nowhere. */
  readonly replacedBy?: string | undefined;
}

const MOST_COUNTED = 10_000;

/**
 * The states of the revision in force that the next one lacks. One that the revision in force lacks as well is told only if chains
 * stand in it still.
 */
export async function removedStates(
  registration: Registration,
  inForce: CurrentRevision,
  next: Pick<CurrentRevision, "chainType" | "mappedStates">,
): Promise<RemovedState[]> {
  const removed: RemovedState[] = [];
  const known = [...statesOf(inForce.chainType), ...inForce.mappedStates.keys(), ...next.mappedStates.keys()];
  for (const state of new Set(known)) {
    if (hasState(next.chainType, state)) continue;
    const chains = await registration.countChains(next.chainType.name, state, MOST_COUNTED);
    if (chains === 0 && !hasState(inForce.chainType, state)) continue;
    removed.push({ state, chains, replacedBy: next.mappedStates.get(state) });
  }
  return removed;
}

/** Chains would be stuck in a state that is neither there nor mapped. */
export function refuseStatesInUse(name: string, removed: readonly RemovedState[]): void {
  const inUse = removed.filter(({ chains, replacedBy }) => chains > 0 && replacedBy === undefined);
  if (inUse.length === 0) return;
  const counts = inUse.map(
    ({ state, chains }) => `"${state}" (${chains >= MOST_COUNTED ? "at least " : ""}${chains} chains)`,
  );
  throw new Refusal(
    "STATES_IN_USE",
    `The revision of "${name}" removes states in which chains stand: ${counts.join(", ")}. ` +
      "Keep the states, map them to others with replaced_by, or move the chains with SetChainState.",
    {
      metadata: {
        chain_type: name,
        ...Object.fromEntries(inUse.map(({ state, chains }) => [`chains_in_${state}`, String(chains)])),
      },
    },
  );
}

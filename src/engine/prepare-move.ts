import { DONE } from "../domain/chain.ts";
import type { Callback, ChainType } from "../domain/chain-type.ts";
import type { DecidedTransition } from "../domain/decided-transition.ts";
import { deliveryIdOf } from "../domain/delivery.ts";
import { upkeepIn } from "../domain/upkeep.ts";
import { type Effect, effectToBytes } from "../outbound/effect.ts";
import type { Move } from "../store/commit-moves.ts";
import { newId } from "./new-id.ts";
import type { Registry } from "./registry.ts";

/** The callback of a transition that is in force here; going to `done` has none (R9). */
export function callbackOf(
  { callbacks }: Registry,
  chainType: ChainType,
  { transition, finalState }: Pick<DecidedTransition, "transition" | "finalState">,
): Callback | undefined {
  return finalState === DONE ? undefined : callbacks.find(chainType, transition)?.value;
}

/** A decided transition as it is committed, with the effect that is delivered afterwards. */
export function prepareMove(
  registry: Registry,
  chainType: ChainType,
  decided: DecidedTransition,
  claimId?: string,
): Move {
  const isSent = callbackOf(registry, chainType, decided)?.mode === "AFTER_COMMIT";
  return {
    ...decided,
    ...upkeepIn(chainType, decided.finalState),
    eventId: claimId ?? newId(),
    claimId,
    message: isSent ? effectToBytes(effectOf(decided)) : undefined,
  };
}

/** What the callback of a decided transition is told, whenever it is called. */
export function effectOf(decided: DecidedTransition): Effect {
  const { chain, transition, finalState, context, callbackContext, requestedBy } = decided;
  return {
    deliveryId: deliveryIdOf(chain.id, chain.version + 1, transition),
    chain,
    transition: { name: transition, finalState, context },
    callbackContext,
    requestedBy,
  };
}

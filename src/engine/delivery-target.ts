import { DONE } from "../domain/chain.ts";
import type { ChainTypeRevision, Endpoint } from "../domain/chain-type.ts";
import type { AwaitedTransition } from "../store/awaited-transitions.ts";
import type { Registry } from "./registry.ts";

/** A transition whose messages this sidecar can deliver, and where to. */
export interface DeliveryTarget extends AwaitedTransition {
  readonly endpoint: Endpoint;
}

/**
 * What can be delivered from here: to the callback that is in force now, whatever it was when the chain moved. Of the current
 * revisions, and of what messages still wait for that a current revision does not have any more.
 */
export function deliveryTargets(registry: Registry, awaited: readonly AwaitedTransition[]): DeliveryTarget[] {
  const current = registry.list().flatMap(transitionsWithEffects);
  const known = new Set(current.map(keyOf));
  return [...current, ...awaited.filter((transition) => !known.has(keyOf(transition)))].flatMap((wanted) => {
    const chainType = registry.find(wanted.chainType)?.chainType;
    const callback = chainType && registry.callbacks.find(chainType, wanted.transition);
    return callback ? [{ ...wanted, endpoint: callback.value.endpoint }] : [];
  });
}

/** Going to `done` has none (R9). */
function transitionsWithEffects({
  chainType: { name, transitions },
}: ChainTypeRevision): AwaitedTransition[] {
  return transitions
    .filter(({ finalState }) => finalState !== DONE)
    .map((transition) => ({ chainType: name, transition: transition.name }));
}

function keyOf({ chainType, transition }: AwaitedTransition): string {
  return `${chainType}\0${transition}`;
}

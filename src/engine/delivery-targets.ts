import { DONE } from "../domain/chain.ts";
import type { Endpoint } from "../domain/chain-type.ts";
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
export class DeliveryTargets {
  readonly #registry: Registry;
  #registryChanges = -1;
  #awaited: readonly AwaitedTransition[] = [];
  #found: readonly DeliveryTarget[] = [];

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** The very same list as before as long as nothing has changed. */
  find(awaited: readonly AwaitedTransition[]): readonly DeliveryTarget[] {
    const { changes } = this.#registry;
    if (changes !== this.#registryChanges || awaited !== this.#awaited) {
      this.#found = targetsIn(this.#registry, awaited);
      this.#registryChanges = changes;
      this.#awaited = awaited;
    }
    return this.#found;
  }
}

function targetsIn(registry: Registry, awaited: readonly AwaitedTransition[]): DeliveryTarget[] {
  const current = registry.list().flatMap(({ chainType: { name, transitions } }) =>
    transitions
      // Going to `done` has no effect (R9).
      .filter(({ finalState }) => finalState !== DONE)
      .map((transition) => ({ chainType: name, transition: transition.name })),
  );
  const known = new Set(current.map(keyOf));
  return [...current, ...awaited.filter((transition) => !known.has(keyOf(transition)))].flatMap((wanted) => {
    const chainType = registry.find(wanted.chainType)?.chainType;
    const callback = chainType && registry.callbacks.find(chainType, wanted.transition);
    return callback ? [{ ...wanted, endpoint: callback.value.endpoint }] : [];
  });
}

function keyOf({ chainType, transition }: AwaitedTransition): string {
  return `${chainType}\0${transition}`;
}

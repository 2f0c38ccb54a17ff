import { type ChainType, transitionsFrom } from "../domain/chain-type.ts";
import type { Registry } from "./registry.ts";

/** The transitions of a state for which this sidecar has no validator in force, in the order asked. */
export function validatorsMissingIn(registry: Registry, chainType: ChainType, state: string): string[] {
  return transitionsFrom(chainType, state)
    .map(({ name }) => name)
    .filter((name) => registry.validators.find(chainType, name) === undefined);
}

/** How many transitions of all current revisions have no validator in force at this sidecar. */
export function countValidatorsMissing(registry: Registry): number {
  let count = 0;
  for (const { chainType } of registry.list()) {
    for (const { name } of chainType.transitions) {
      if (registry.validators.find(chainType, name) === undefined) count += 1;
    }
  }
  return count;
}

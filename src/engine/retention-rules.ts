import { isFinal, statesOf } from "../domain/chain-type.ts";
import type { RetentionRule } from "../store/purge-chains.ts";
import type { Registry } from "./registry.ts";

/** The rules of one chain type's current revision, one for each of its final states. */
export interface TypeRetention {
  readonly chainType: string;
  readonly revision: number;
  readonly rules: readonly RetentionRule[];
}

/** What the current revisions say of final chains; types that keep everything are not in it. */
export function retentionRules(registry: Registry): TypeRetention[] {
  return registry.list().flatMap(({ chainType, revision }) => {
    const { name, retention } = chainType;
    if (retention?.deleteEventsAfterMs === undefined && retention?.forgetAfterMs === undefined) return [];
    const rules = statesOf(chainType)
      .filter((state) => isFinal(chainType, state))
      .map((state) => ({ ...retention, chainType: name, state }));
    return [{ chainType: name, revision, rules }];
  });
}

import { DONE } from "../domain/chain.ts";
import { isFinal, statesOf } from "../domain/chain-type.ts";
import type { Database } from "../store/database.ts";
import {
  type ChainFilter,
  type ChainPage,
  type ChainPlace,
  listChains as list,
} from "../store/list-chains.ts";
import type { Registry } from "./registry.ts";

/** Which chains, in a caller's words. */
export type ChainSelection = Pick<ChainFilter, "chainType" | "state" | "resource" | "disabled"> & {
  readonly due: boolean;
};

/** Chains that pass every filter. */
export function listChains(
  database: Database,
  registry: Registry,
  selection: ChainSelection,
  after: ChainPlace | undefined,
  limit: number,
): Promise<ChainPage> {
  return list(database, filterOf(registry, selection), after, limit);
}

/** Which states are final, the database does not know. */
export function filterOf(registry: Registry, { due, ...filter }: ChainSelection): ChainFilter {
  if (!due) return filter;
  const finalStates = registry
    .list()
    .filter(({ chainType }) => filter.chainType === undefined || chainType.name === filter.chainType)
    .flatMap(({ chainType }) =>
      statesOf(chainType)
        .filter((state) => state !== DONE && isFinal(chainType, state))
        .map((state) => ({ chainType: chainType.name, state })),
    );
  return { ...filter, due: { finalStates } };
}

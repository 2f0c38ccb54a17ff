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

/** Chains that pass every filter; which states are final, the database does not know. */
export function listChains(
  database: Database,
  registry: Registry,
  { due, ...filter }: Omit<ChainFilter, "due"> & { readonly due: boolean },
  after: ChainPlace | undefined,
  limit: number,
): Promise<ChainPage> {
  const finalStates = registry
    .list()
    .filter(({ chainType }) => filter.chainType === undefined || chainType.name === filter.chainType)
    .flatMap(({ chainType }) =>
      statesOf(chainType)
        .filter((state) => state !== DONE && isFinal(chainType, state))
        .map((state) => ({ chainType: chainType.name, state })),
    );
  return list(database, { ...filter, due: due ? { finalStates } : undefined }, after, limit);
}

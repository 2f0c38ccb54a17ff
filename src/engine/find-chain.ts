import type { Chain } from "../domain/chain.ts";
import { chainKey } from "../domain/chain-key.ts";
import { Refusal } from "../domain/refusal.ts";
import type { ResourceMapping } from "../domain/resource-mapping.ts";
import type { ChainStore } from "../store/chain-store.ts";
import { findChainsIncluding } from "../store/find-subset.ts";
import type { ChainReading } from "../store/read-chains.ts";

export interface ChainKey {
  readonly chainType: string;
  readonly resources: readonly ResourceMapping[];
  readonly match: "EXACT" | "SUBSET";
}

export type ChainRef = { readonly id: string } | { readonly key: ChainKey };

/** What is known of a chain, found by id, by its exact set or by a subset of it (R2); `chain` is unset if there is none. */
export async function findChain(store: ChainStore, ref: ChainRef, requestId = ""): Promise<ChainReading> {
  const lookup = "id" in ref ? ref : { key: chainKey(ref.key.chainType, ref.key.resources) };
  const exact = await store.read({ ref: lookup, requestId });
  if (exact.chain || exact.recorded || "id" in ref || ref.key.match === "EXACT") return exact;

  const { chainType, resources } = ref.key;
  const ids = await findChainsIncluding(store.database, chainType, resources);
  const [id] = ids;
  if (ids.length > 1) {
    throw new Refusal(
      "AMBIGUOUS_MATCH",
      `${ids.length === 10 ? "At least 10" : ids.length} chains of "${chainType}" include these resources: ${ids.join(", ")}. Name more resources, or the chain's id.`,
      { metadata: { chain_type: chainType, chain_ids: ids.join(",") } },
    );
  }
  return id === undefined ? exact : store.read({ ref: { id }, requestId });
}

/** As `findChain`, refusing if there is no chain. */
export async function getChain(store: ChainStore, ref: ChainRef): Promise<Chain> {
  const { chain } = await findChain(store, ref);
  if (!chain) throw chainNotFound(ref);
  return chain;
}

export function chainNotFound(ref: ChainRef): Refusal {
  if ("id" in ref) {
    return new Refusal("CHAIN_NOT_FOUND", `There is no chain ${ref.id}.`, { metadata: { chain_id: ref.id } });
  }
  const { chainType, resources } = ref.key;
  const named = resources.map(({ resourceType, resourceId }) => `${resourceType} ${resourceId}`).join(", ");
  return new Refusal(
    "CHAIN_NOT_FOUND",
    `There is no chain of "${chainType}" for ${named}. Create it with GetOrCreateChain, or set create_if_absent.`,
    { metadata: { chain_type: chainType, resources: named } },
  );
}

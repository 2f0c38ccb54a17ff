import { type Chain, NEW } from "../domain/chain.ts";
import { chainKey } from "../domain/chain-key.ts";
import { LEASE_MS } from "../domain/execute-limits.ts";
import { canonicalMappings } from "../domain/resource-mapping.ts";
import { upkeepIn } from "../domain/upkeep.ts";
import type { ChainStore } from "../store/chain-store.ts";
import type { ChainReading } from "../store/read-chains.ts";
import { type ChainKey, findChain } from "./find-chain.ts";
import { newId } from "./new-id.ts";
import type { Registry } from "./registry.ts";
import { settle } from "./settle.ts";

/** The one chain for a set of resources, created if there is none (R1, R2). */
export async function getOrCreateChain(
  store: ChainStore,
  registry: Registry,
  key: ChainKey,
): Promise<{ chain: Chain; created: boolean }> {
  const { chain } = await findChain(store, { key });
  if (chain) return { chain, created: false };
  const { reading, created } = await createChain(store, registry, key);
  return { chain: reading.chain, created };
}

interface FoundOrCreated {
  readonly reading: ChainReading & { readonly chain: Chain };
  readonly created: boolean;
}

/**
 * Creates the chain with exactly these resources, unless another caller is faster; that one may have moved it already, under
 * the same request id.
 */
export async function createChain(
  store: ChainStore,
  registry: Registry,
  key: ChainKey,
  requestId = "",
): Promise<FoundOrCreated> {
  const { chainType } = key;
  const revision = await registry.get(chainType);
  const wakeAfterMs = upkeepIn(revision.chainType, NEW).wakes ? LEASE_MS : undefined;
  const id = newId();
  const resources = canonicalMappings(key.resources);
  const exact = { key: { ...key, match: "EXACT" as const } };
  const find = async () => {
    const reading = await findChain(store, exact, requestId);
    const { chain } = reading;
    // Undefined where a chain that was in the way has been deleted since: then it is created after all.
    return chain && { reading: { ...reading, chain }, created: chain.id === id };
  };
  return settle<FoundOrCreated>({
    write: async () => {
      const made = await store.create({
        id,
        chainType,
        key: chainKey(chainType, resources),
        resources,
        wakeAfterMs,
      });
      if (!made) return undefined;
      const chain = newChain({ id, chainType, resources, createTime: made.createTime });
      return { reading: { now: made.createTime, chain }, created: true };
    },
    check: async () => {
      const found = await find();
      if (found) return found;
      // Nothing is in the way, unless the type has been deleted and this sidecar has not heard of it.
      await registry.refresh();
      await registry.get(chainType);
      return undefined;
    },
  });
}

/** A chain at its creation. */
export function newChain(chain: Pick<Chain, "id" | "chainType" | "resources" | "createTime">): Chain {
  return { ...chain, state: NEW, version: 0, disabled: false, updateTime: chain.createTime };
}

import { v7 as uuidv7 } from "uuid";
import type { Chain } from "../domain/chain.ts";
import { chainKey } from "../domain/chain-key.ts";
import { canonicalMappings } from "../domain/resource-mapping.ts";
import { createChains } from "../store/create-chains.ts";
import type { Database } from "../store/database.ts";
import type { ChainReading } from "../store/read-chains.ts";
import { type ChainKey, findChain } from "./find-chain.ts";
import type { Registry } from "./registry.ts";
import { settle } from "./settle.ts";

/** The one chain for a set of resources, created if there is none (R1, R2). */
export async function getOrCreateChain(
  database: Database,
  registry: Registry,
  key: ChainKey,
): Promise<{ chain: Chain; created: boolean }> {
  const { chain } = await findChain(database, { key });
  if (chain) return { chain, created: false };
  const { reading, created } = await createChain(database, registry, key);
  return { chain: reading.chain, created };
}

/**
 * Creates the chain with exactly these resources, unless another caller is faster; that one may have moved it already, under
 * the same request id.
 */
export async function createChain(
  database: Database,
  registry: Registry,
  key: ChainKey,
  requestId = "",
): Promise<{ reading: ChainReading & { readonly chain: Chain }; created: boolean }> {
  await registry.get(key.chainType);
  const id = uuidv7();
  const resources = canonicalMappings(key.resources);
  const exact = { key: { ...key, match: "EXACT" as const } };
  const find = async () => {
    const reading = await findChain(database, exact, requestId);
    const { chain } = reading;
    // Undefined where a chain that was in the way has been deleted since: then it is created after all.
    return chain && { reading: { ...reading, chain }, created: chain.id === id };
  };
  return settle({
    write: async () => {
      await createChains(database, [
        { id, chainType: key.chainType, key: chainKey(key.chainType, resources), resources },
      ]);
      return find();
    },
    check: async () => {
      const found = await find();
      if (found) return found;
      // Nothing is in the way, unless the type has been deleted and this sidecar has not heard of it.
      await registry.refresh();
      await registry.get(key.chainType);
      return undefined;
    },
  });
}

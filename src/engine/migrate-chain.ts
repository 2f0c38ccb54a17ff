import type { Chain } from "../domain/chain.ts";
import { type CurrentRevision, isFinal } from "../domain/chain-type.ts";
import { upkeepIn } from "../domain/upkeep.ts";
import type { ChainStore } from "../store/chain-store.ts";
import { type Migration, migrateChainAlone, type StrandedChain } from "../store/migrate-chains.ts";
import { chainNotFound } from "./find-chain.ts";
import { newId } from "./new-id.ts";
import type { Registry } from "./registry.ts";
import { settle } from "./settle.ts";

/** The move out of a mapped state; undefined for a chain that stands in a state of the revision, or in one that was removed. */
export function migrationOf(
  { chainType, revision, mappedStates }: CurrentRevision,
  { id, state, version }: Pick<StrandedChain, "id" | "state" | "version">,
): Migration | undefined {
  const finalState = mappedStates.get(state);
  if (finalState === undefined) return undefined;
  return {
    chainId: id,
    version,
    eventId: newId(),
    finalState,
    revision,
    ends: isFinal(chainType, finalState),
    ...upkeepIn(chainType, finalState),
  };
}

/**
 * Takes a chain that was found in a mapped state out of it, before anything else is done with it (R26). Afterwards it is to be
 * looked at anew: it has moved, by us or by somebody else, or it is claimed or gone, or another revision is current.
 */
export async function migrateChain(
  { database, read }: ChainStore,
  registry: Registry,
  migration: Migration,
): Promise<void> {
  const { chainId, version, revision } = migration;
  await settle<true>({
    write: async () => (await migrateChainAlone(database, migration)) || undefined,
    check: async () => {
      const { chain } = await read({ ref: { id: chainId }, requestId: "" });
      if (chain?.version !== version || chain.claimExpireTime) return true;
      await registry.refresh();
      return registry.find(chain.chainType)?.revision !== revision || undefined;
    },
  });
}

/**
 * The chain as it stands once it has been taken out of a mapped state. A claimed one stays where it is: its holder finishes
 * what was decided there.
 */
export async function migrateFirst(store: ChainStore, registry: Registry, chain: Chain): Promise<Chain> {
  const migration = migrationOf(await registry.lookUpFor(chain), chain);
  if (!migration || chain.claimExpireTime) return chain;
  await migrateChain(store, registry, migration);
  const { chain: now } = await store.read({ ref: { id: chain.id }, requestId: "" });
  if (!now) throw chainNotFound({ id: chain.id });
  return migrateFirst(store, registry, now);
}

import type { Chain } from "../domain/chain.ts";
import type { RecordedMove } from "../domain/chain-event.ts";
import type { CurrentRevision } from "../domain/chain-type.ts";
import { claimed } from "../domain/decide.ts";
import { canonicalMappings } from "../domain/resource-mapping.ts";
import type { ChainReading } from "../store/read-chains.ts";
import type { ExecuteCommand, ExecuteParts } from "./execute-command.ts";
import { chainNotFound } from "./find-chain.ts";
import { createChain, newChain } from "./get-or-create-chain.ts";
import { migrateChain, migrationOf } from "./migrate-chain.ts";

/** A chain with the one revision under which an Execute judges it (R25). */
export type ChainToJudge = Pick<ChainReading, "now" | "attempted"> & {
  readonly chain: Chain;
  readonly revision: CurrentRevision;
  /** When the chain was read, on the process's monotonic clock. */
  readonly readMs: number;
};

/**
 * The chain of an Execute, created if it is to be, and taken out of a mapped state first (R26); or the move that the request id
 * has made meanwhile. Throws the Refusal of a chain that is not there, or whose state was removed.
 */
export async function chainToJudge(
  parts: Pick<ExecuteParts, "store" | "registry">,
  command: Pick<ExecuteCommand, "ref" | "createIfAbsent" | "dryRun">,
  found: ChainReading,
  requestId: string,
): Promise<ChainToJudge | { readonly recorded: RecordedMove }> {
  const { store, registry } = parts;
  const { recorded, ...reading } = await foundOrCreated(parts, command, found, requestId);
  if (recorded) return { recorded };
  const readMs = performance.now();
  const { chain, now } = reading;
  const revision = await registry.getFor(chain);
  const migration = migrationOf(revision, chain);
  if (!migration) return { ...reading, revision, readMs };
  if (command.dryRun) {
    const { finalState, ends, version } = migration;
    const nextUpdateTime = ends ? undefined : chain.nextUpdateTime;
    return {
      now,
      chain: { ...chain, state: finalState, version: version + 1, nextUpdateTime },
      revision,
      readMs,
    };
  }
  // Before what it would be refused for in the state that it is to be migrated to, since it may never come there.
  if (chain.claimExpireTime) throw claimed(chain.id, chain.claimExpireTime.getTime() - now.getTime());
  await migrateChain(store, registry, migration);
  const again = await store.read({ ref: { id: chain.id }, requestId });
  return chainToJudge(parts, { ...command, ref: { id: chain.id } }, again, requestId);
}

async function foundOrCreated(
  { store, registry }: Pick<ExecuteParts, "store" | "registry">,
  { ref, createIfAbsent, dryRun }: Pick<ExecuteCommand, "ref" | "createIfAbsent" | "dryRun">,
  found: ChainReading,
  requestId: string,
): Promise<ChainReading & { readonly chain: Chain }> {
  if (found.chain) return { ...found, chain: found.chain };
  if (!createIfAbsent || !("key" in ref)) throw chainNotFound(ref);
  if (!dryRun) return (await createChain(store, registry, ref.key, requestId)).reading;
  const { chainType, resources } = ref.key;
  await registry.get(chainType);
  const imagined = newChain({
    id: "",
    chainType,
    resources: canonicalMappings(resources),
    createTime: found.now,
  });
  return { ...found, chain: imagined };
}

import type { ExecuteParts } from "../engine/execute-command.ts";
import { migrationOf } from "../engine/migrate-chain.ts";
import { findStrandedChains, MOST_MIGRATIONS, migrateChains } from "../store/migrate-chains.ts";
import { type Loop, startLoop } from "./loop.ts";

type Parts = Pick<ExecuteParts, "store" | "registry" | "hasten">;

const INTERVAL_MS = 1_000;
/** So long one run goes on with full batches: then whoever executes chains has the database to himself for an interval. */
const RUN_MS = 1_000;

/** Empties the mapped states, for chains that nobody touches (R26). Any number of replicas may do it beside each other. */
export function startChainMigration(
  parts: Parts,
  observe: { readonly onMigrated: (chains: number) => void; readonly onError: (error: unknown) => void },
): Loop {
  const runOnce = async () => {
    const { migrated } = await migrateStrandedChains(parts);
    if (migrated > 0) observe.onMigrated(migrated);
  };
  return startLoop(runOnce, { intervalMs: INTERVAL_MS, onError: observe.onError });
}

/**
 * One run: batch by batch, until no chain is left that could be moved, or the time is up. A chain that is claimed, or that somebody
 * else is writing, is left for a later one.
 */
export async function migrateStrandedChains({
  store,
  registry,
  hasten,
}: Parts): Promise<{ migrated: number; batches: number }> {
  const until = performance.now() + RUN_MS;
  let migrated = 0;
  let batches = 0;
  for (;;) {
    const states = registry
      .listMapping()
      .flatMap(({ chainType, mappedStates }) =>
        [...mappedStates.keys()].map((state) => ({ chainType: chainType.name, state })),
      );
    if (states.length === 0) return { migrated, batches };
    const found = await findStrandedChains(store.database, states);
    const migrations = found.flatMap((chain) => {
      const revision = registry.find(chain.chainType);
      return (revision && migrationOf(revision, chain)) ?? [];
    });
    if (migrations.length === 0) return { migrated, batches };
    const moved = await migrateChains(store.database, migrations);
    batches += 1;
    migrated += moved;
    if (moved > 0) hasten.positions();
    // Where nothing could be moved, another replica is at it, or another revision is current.
    const isDone = moved === 0 || found.length < MOST_MIGRATIONS || performance.now() >= until;
    if (isDone) return { migrated, batches };
  }
}

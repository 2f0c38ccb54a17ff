import { setTimeout } from "node:timers/promises";
import type { Registry } from "./engine/registry.ts";
import type { Log } from "./observability/log.ts";
import type { Readiness } from "./readiness.ts";
import { isServerGone } from "./store/database-error.ts";
import { type MigrateOptions, migrate } from "./store/migrate.ts";

const RETRY_MS = 1_000;

/**
 * Migrates and loads the registry, waiting for the database as long as it takes: the app beside may be starting it.
 *
 * Throws what waiting does not mend, such as UnusableDatabase.
 */
export async function prepareDatabase(
  options: MigrateOptions,
  registry: Registry,
  { readiness, log, signal }: { readiness: Readiness; log: Log; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    try {
      await migrate(options);
      readiness.met("database");
      await registry.refresh();
      readiness.met("registry");
      return;
    } catch (error) {
      if (!isServerGone(error)) throw error;
      log.warn({ err: error }, "the database cannot be reached; trying again");
      await setTimeout(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

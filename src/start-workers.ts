import type { ExecuteParts } from "./engine/execute-command.ts";
import type { Log } from "./observability/log.ts";
import type { Readiness } from "./readiness.ts";
import type { Loop } from "./workers/loop.ts";
import { startChainMigration } from "./workers/migrate-chains.ts";
import { startRegistryRefresh } from "./workers/registry-refresh.ts";
import { Retention, startRetention } from "./workers/retention.ts";

/** Starts what a sidecar does by itself, and tells log and readiness how it goes. */
export function startWorkers(
  parts: ExecuteParts,
  { readiness, log }: { readonly readiness: Readiness; readonly log: Log },
): Pick<Loop, "stop"> {
  const { registry } = parts;
  const { database } = parts.store;
  const loops = [
    startRegistryRefresh(registry, {
      onLook: (error) => {
        if (!readiness.databaseLooked(error)) return;
        if (error === undefined) log.info("the database is reached again");
        else log.warn({ err: error }, "the database or the registry cannot be read; trying again");
      },
    }),
    startChainMigration(parts, {
      onMigrated: (chains) =>
        log.info({ chains }, "chains were migrated to the current revision of their type"),
      onError: (error) => log.warn({ err: error }, "chains could not be migrated; trying again"),
    }),
    startRetention(new Retention(database, registry), {
      onPurged: ({ pruned, forgotten, events, messages }) =>
        log.debug({ pruned, forgotten, events, messages }, "retention deleted of final chains"),
      onError: (error) => log.warn({ err: error }, "retention failed; trying again in a minute"),
    }),
  ];
  return {
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}

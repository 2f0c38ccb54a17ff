import type { Config } from "./config.ts";
import type { EventFeed } from "./engine/event-feed.ts";
import type { ExecuteParts } from "./engine/execute-command.ts";
import type { Hasten } from "./engine/hasten.ts";
import type { Log } from "./observability/log.ts";
import type { Metrics } from "./observability/metrics.ts";
import type { Readiness } from "./readiness.ts";
import { isUnavailable } from "./store/database-error.ts";
import { startChainMigration } from "./workers/migrate-chains.ts";
import { startOutbox } from "./workers/outbox.ts";
import { startOutboxHousekeeping } from "./workers/outbox-housekeeping.ts";
import { startOutboxWatch } from "./workers/outbox-watch.ts";
import { startPositions } from "./workers/positions.ts";
import { startRegistryRefresh } from "./workers/registry-refresh.ts";
import { Retention, startRetention } from "./workers/retention.ts";
import { startScheduler } from "./workers/scheduler.ts";
import { startUpkeep } from "./workers/upkeep.ts";

export interface Workers extends Hasten {
  /** Begins nothing more, and lets what is under way end within the time. May be called again. */
  stop(graceMs: number): Promise<void>;
}

export interface WorkerOptions {
  readonly config: Pick<Config, "schedulerConcurrency">;
  readonly readiness: Readiness;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Starts what a sidecar does by itself, and tells log, metrics and readiness how it goes. */
export function startWorkers(
  parts: ExecuteParts & { readonly feed: EventFeed },
  { config, readiness, log, metrics }: WorkerOptions,
): Workers {
  const { registry } = parts;
  const { database } = parts.store;
  const failed = (what: string) => (error: unknown) => {
    // An unreachable database is told by the look at the registry.
    if (!isUnavailable(error)) log.error({ err: error }, `${what}; trying again`);
  };
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
      onError: failed("chains could not be migrated"),
    }),
    startUpkeep(database, registry, {
      onRun: ({ chains }) => {
        if (chains > 0) log.info({ chains }, "chains are in line with new revisions of their types");
      },
      onError: failed("chains are not in line with their types"),
    }),
    startRetention(new Retention(database, registry), {
      onPurged: ({ pruned, forgotten, events, messages }) =>
        log.debug({ pruned, forgotten, events, messages }, "retention deleted of final chains"),
      onError: failed("retention failed"),
    }),
    startOutboxHousekeeping(database, failed("delivered messages could not be deleted")),
    startOutboxWatch(database, {
      onFigures: metrics.deliveriesCounted,
      onError: failed("the outbox could not be counted"),
    }),
  ];
  const positions = startPositions(parts.feed, failed("events could not be given positions"));
  const outbox = startOutbox({
    ...parts,
    observe: {
      onAttempt: metrics.deliveryAttempted,
      onError: failed("a look at the outbox, or an attempt to deliver, failed"),
    },
  });
  const scheduler =
    config.schedulerConcurrency > 0
      ? startScheduler(parts, {
          concurrency: config.schedulerConcurrency,
          observe: {
            onTaken: (lateMs) => metrics.chainTaken(lateMs / 1000),
            onExecuted: (outcome) => metrics.takenChainExecuted(outcome),
            onError: failed("due chains are not executed"),
          },
        })
      : undefined;
  return {
    deliveries: () => outbox.wake(),
    positions: () => positions.hasten(),
    async stop(graceMs) {
      await Promise.all([scheduler?.stop(graceMs), outbox.stop(graceMs)]);
      await Promise.all([...loops, positions].map((loop) => loop.stop()));
    },
  };
}

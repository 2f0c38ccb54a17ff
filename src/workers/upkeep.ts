import { setTimeout } from "node:timers/promises";
import type { Registry } from "../engine/registry.ts";
import type { Database } from "../store/database.ts";
import {
  bringPageInLine,
  FIRST_ID,
  findLaggingTypes,
  type LaggingType,
  markInLine,
  SETTLED_MS,
} from "../store/upkeep.ts";
import { type Loop, startLoop } from "./loop.ts";

const INTERVAL_MS = 500;

/** What one run came to. */
export interface UpkeepRun {
  /** Types all of whose chains are in line now. */
  readonly types: number;
  /** Chains that were changed. */
  readonly chains: number;
}

interface Lag {
  readonly key: string;
  readonly sinceMs: number;
  /** Something remains to be looked at, and not before: on the process's monotonic clock. */
  nextPassMs: number;
}

/**
 * Brings chains in line with a new revision of their type that changes what becomes of them by themselves (R23). Every sidecar
 * does it, each all of it, since the one that registered the revision may die; whatever is in line already is left alone.
 *
 * The chains are gone through at once, and again when nothing that was decided under a former revision is written any more.
 */
export class UpkeepWorker {
  readonly #database: Database;
  readonly #registry: Registry;
  readonly #settledMs: number;
  readonly #lags = new Map<string, Lag>();
  #registryChanges = -1;

  constructor(database: Database, registry: Registry, settledMs = SETTLED_MS) {
    this.#database = database;
    this.#registry = registry;
    this.#settledMs = settledMs;
  }

  async runOnce(signal: AbortSignal): Promise<UpkeepRun> {
    let run = { types: 0, chains: 0 };
    if (!this.#isAnythingToDo()) return run;
    const { changes } = this.#registry;
    const lagging = await findLaggingTypes(this.#database);
    const lags = new Map(lagging.map((type) => [type.chainType, this.#lagOf(type)]));
    this.#lags.clear();
    for (const [name, lag] of lags) this.#lags.set(name, lag);
    this.#registryChanges = changes;
    for (const type of lagging) {
      const done = await this.#bringInLine(type, lags.get(type.chainType) as Lag, signal);
      run = { types: run.types + done.types, chains: run.chains + done.chains };
    }
    return run;
  }

  /** The database is not asked where nothing was registered and nothing is left to do. */
  #isAnythingToDo(): boolean {
    const now = performance.now();
    return (
      this.#registry.changes !== this.#registryChanges ||
      this.#lags.values().some(({ nextPassMs }) => nextPassMs <= now)
    );
  }

  #lagOf({ chainType, currentRevision, upkeepRevision }: LaggingType): Lag {
    const key = `${currentRevision} after ${upkeepRevision}`;
    const known = this.#lags.get(chainType);
    if (known?.key === key) return known;
    return { key, sinceMs: performance.now(), nextPassMs: 0 };
  }

  async #bringInLine(type: LaggingType, lag: Lag, signal: AbortSignal): Promise<UpkeepRun> {
    const startMs = performance.now();
    if (lag.nextPassMs > startMs) return { types: 0, chains: 0 };
    const settledMs = lag.sinceMs + this.#settledMs;
    const { chains, skipped } = await this.#passThrough(type, signal);
    const isComplete = skipped === 0 && !signal.aborted;
    if (type.changed.length > 0 && !(isComplete && startMs >= settledMs)) {
      lag.nextPassMs = isComplete ? settledMs : startMs;
      return { types: 0, chains };
    }
    await markInLine(this.#database, type);
    this.#lags.delete(type.chainType);
    return { types: 1, chains };
  }

  async #passThrough(
    { chainType, changed }: LaggingType,
    signal: AbortSignal,
  ): Promise<{ chains: number; skipped: number }> {
    const passed = { chains: 0, skipped: 0 };
    for (const change of changed) {
      let afterId: string | undefined = FIRST_ID;
      while (afterId !== undefined && !signal.aborted) {
        const startMs = performance.now();
        const page = await bringPageInLine(this.#database, chainType, change, afterId);
        passed.chains += page.changed;
        passed.skipped += page.skipped;
        afterId = page.lastId;
        // Nobody waits for this: the database is left to others for as long as it was kept busy.
        if (afterId !== undefined) await setTimeout(performance.now() - startMs);
      }
    }
    return passed;
  }
}

export function startUpkeep(
  database: Database,
  registry: Registry,
  observe: { readonly onRun: (run: UpkeepRun) => void; readonly onError: (error: unknown) => void },
): Loop {
  const worker = new UpkeepWorker(database, registry);
  const stopping = new AbortController();
  const loop = startLoop(async () => observe.onRun(await worker.runOnce(stopping.signal)), {
    intervalMs: INTERVAL_MS,
    onError: observe.onError,
  });
  return {
    stop() {
      stopping.abort();
      return loop.stop();
    },
  };
}

import { setTimeout } from "node:timers/promises";
import type { ExecuteParts } from "../engine/execute-command.ts";
import { brokenOff, type DueExecution, executeDue } from "../engine/execute-due.ts";
import { ReachableTypes } from "../engine/reachable-types.ts";
import { type DueChain, type TakenDue, takeDue } from "../store/take-due.ts";
import { startDueLoop } from "./due-loop.ts";

/** Chains that become due one after the other share statements, and cost half. */
const LEAST_SLEEP_MS = 20;
/** Half of the second that a chain may be late: what others write meanwhile is found no later. */
const MOST_SLEEP_MS = 500;
/** So often all that is due is looked for, also what was written late; in between, only what became due since. */
const WHOLE_LOOK_MS = 1_000;
/** Given to Executes that were broken off, to say so and leave their trace. */
const BREAKING_OFF_MS = 1_000;

export interface SchedulerOptions {
  /** Chains that are executed at once; at least 1. */
  readonly concurrency: number;
  readonly observe: {
    onTaken(lateMs: number): void;
    onExecuted(outcome: DueExecution["outcome"]): void;
    /** A look, or an Execute, failed for another reason than a refusal. */
    onError(error: unknown): void;
  };
}

/** What one look came to. */
export interface Look {
  readonly taken: number;
  /** How soon another look may find something, as far as is known. */
  readonly nextInMs: number;
}

/** Executes the chains that are due, of the types that want it (R23). */
export class Scheduler {
  readonly #parts: ExecuteParts;
  readonly #options: SchedulerOptions;
  readonly #types: ReachableTypes;
  readonly #running = new Set<Promise<void>>();
  readonly #breakingOff = new AbortController();
  readonly #onMoreDue: () => void;
  /** The last look left something for want of free slots. */
  #isMoreDue = false;
  #takenUntil: Date | undefined;
  #wholeLookMs = Number.NEGATIVE_INFINITY;

  /** @param onMoreDue told when there is something to take, and a slot free for it, sooner than the last look knew */
  constructor(parts: ExecuteParts, options: SchedulerOptions, onMoreDue: () => void) {
    this.#parts = parts;
    this.#options = options;
    this.#types = new ReachableTypes(parts.registry);
    this.#onMoreDue = onMoreDue;
  }

  /** Takes as many due chains as there are free slots, and starts to execute them. */
  async runOnce(): Promise<Look> {
    const free = this.#options.concurrency - this.#running.size;
    const types = free > 0 ? await this.#types.find() : [];
    if (types.length === 0) return { taken: 0, nextInMs: Number.POSITIVE_INFINITY };
    const { chains, nextInMs = Number.POSITIVE_INFINITY } = await this.#take(types, free);
    for (const chain of chains) {
      const running = this.#execute(chain).finally(() => this.#running.delete(running));
      this.#running.add(running);
    }
    this.#isMoreDue = nextInMs === 0;
    const isFull = this.#running.size >= this.#options.concurrency;
    return { taken: chains.length, nextInMs: isFull ? Number.POSITIVE_INFINITY : nextInMs };
  }

  /** Resolves when nothing is executed any more; what is after the time is broken off. */
  async finish(graceMs: number): Promise<void> {
    const idle = Promise.all(this.#running);
    await Promise.race([idle, setTimeout(graceMs, undefined, { ref: false })]);
    if (this.#running.size > 0) this.#breakingOff.abort(brokenOff());
    await Promise.race([idle, setTimeout(BREAKING_OFF_MS, undefined, { ref: false })]);
  }

  async #take(chainTypes: readonly string[], most: number): Promise<TakenDue> {
    const now = performance.now();
    const isWhole = now - this.#wholeLookMs >= WHOLE_LOOK_MS;
    const after = isWhole ? undefined : this.#takenUntil;
    const taken = await takeDue(this.#parts.store.database, { chainTypes, most, after });
    this.#takenUntil = taken.takenUntil;
    if (isWhole) this.#wholeLookMs = now;
    return taken;
  }

  async #execute({ id, chainType, lateMs }: DueChain): Promise<void> {
    const { observe } = this.#options;
    observe.onTaken(lateMs);
    const { signal } = this.#breakingOff;
    try {
      const { outcome, goesOn, isUnreached } = await executeDue(this.#parts, id, signal);
      observe.onExecuted(outcome);
      if (isUnreached) this.#types.doubt(chainType);
      if (goesOn || this.#isMoreDue) this.#onMoreDue();
    } catch (error) {
      observe.onError(error);
    }
  }
}

export interface RunningScheduler {
  /** Takes nothing any more, and lets what is under way end within the time. */
  stop(graceMs: number): Promise<void>;
}

export function startScheduler(parts: ExecuteParts, options: SchedulerOptions): RunningScheduler {
  const scheduler = new Scheduler(parts, options, () => loop.hasten());
  const loop = startDueLoop(async () => (await scheduler.runOnce()).nextInMs, {
    leastMs: LEAST_SLEEP_MS,
    mostMs: MOST_SLEEP_MS,
    onError: options.observe.onError,
  });
  return {
    async stop(graceMs) {
      await loop.stop();
      await scheduler.finish(graceMs);
    },
  };
}

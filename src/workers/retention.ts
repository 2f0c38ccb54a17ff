import type { Registry } from "../engine/registry.ts";
import { retentionRules, type TypeRetention } from "../engine/retention-rules.ts";
import type { Database } from "../store/database.ts";
import { type Purged, purgeChains } from "../store/purge-chains.ts";
import { FIRST_ID, schedulePurges } from "../store/schedule-purges.ts";
import { type Loop, startLoop } from "./loop.ts";

export interface RetentionRun extends Purged {
  /** Chains, final before their rule was registered, that are due at some time now. */
  readonly scheduled: number;
}

const INTERVAL_MS = 60_000;

/** Until then every sidecar has heard of a revision, and moves chains under it. */
const SETTLE_MS = 10_000;

/** How far this sidecar has come with giving the chains of one revision the time at which they are purged. */
interface Schedule {
  /** On the process's monotonic clock. */
  notBeforeMs: number;
  /** Of the type's rules. */
  rule: number;
  afterId: string;
  missed: number;
  isComplete: boolean;
}

/**
 * Deletes what is due of final chains (R14, design.md 6), and sees to it that chains get due which were final before there was a rule
 * for them. The latter reads them all: once for each revision, a page in each run.
 */
export class Retention {
  #schedules: ReadonlyMap<string, Schedule> = new Map();
  readonly #database: Database;
  readonly #registry: Registry;
  readonly #settleMs: number;

  constructor(database: Database, registry: Registry, { settleMs = SETTLE_MS } = {}) {
    this.#database = database;
    this.#registry = registry;
    this.#settleMs = settleMs;
  }

  /** One short statement of each kind. */
  async runOnce(): Promise<RetentionRun> {
    const types = retentionRules(this.#registry);
    const { scheduled, isMore } = await this.#scheduleNext(types);
    const purged = await purgeChains(
      this.#database,
      types.flatMap(({ rules }) => rules),
    );
    return { ...purged, scheduled, isMore: isMore || purged.isMore };
  }

  async #scheduleNext(types: readonly TypeRetention[]): Promise<{ scheduled: number; isMore: boolean }> {
    const now = performance.now();
    const known = this.#schedules;
    const schedules = types.map((type) => {
      const key = JSON.stringify([type.chainType, type.revision]);
      return { key, type, schedule: known.get(key) ?? begin(now + this.#settleMs) };
    });
    this.#schedules = new Map(schedules.map(({ key, schedule }) => [key, schedule]));
    const isOpen = ({ isComplete, notBeforeMs }: Schedule) => !isComplete && notBeforeMs <= now;

    const open = schedules.find(({ schedule }) => isOpen(schedule));
    if (!open) return { scheduled: 0, isMore: false };
    const scheduled = await this.#schedulePage(open.type, open.schedule);
    return { scheduled, isMore: schedules.some(({ schedule }) => isOpen(schedule)) };
  }

  async #schedulePage({ rules }: TypeRetention, schedule: Schedule): Promise<number> {
    const rule = rules[schedule.rule];
    if (!rule) throw new Error(`a type with retention has no rule ${schedule.rule}`);
    const page = await schedulePurges(this.#database, rule, schedule.afterId);
    schedule.missed += page.missed;
    schedule.afterId = page.next ?? FIRST_ID;
    if (page.next === undefined) schedule.rule += 1;
    if (schedule.rule === rules.length) {
      const isComplete = schedule.missed === 0;
      Object.assign(schedule, begin(performance.now() + INTERVAL_MS), { isComplete });
    }
    return page.scheduled;
  }
}

function begin(notBeforeMs: number): Schedule {
  return { notBeforeMs, rule: 0, afterId: FIRST_ID, missed: 0, isComplete: false };
}

/** Once a minute, and at once again as long as there is more to do. */
export function startRetention(
  retention: Pick<Retention, "runOnce">,
  observe: { readonly onPurged: (run: RetentionRun) => void; readonly onError: (error: unknown) => void },
): Loop {
  let isStopping = false;
  const runAll = async () => {
    let run: RetentionRun;
    do {
      run = await retention.runOnce();
      if (run.events + run.messages + run.forgotten > 0) observe.onPurged(run);
    } while (run.isMore && !isStopping);
  };
  const loop = startLoop(runAll, { intervalMs: INTERVAL_MS, onError: observe.onError });
  return {
    stop() {
      isStopping = true;
      return loop.stop();
    },
  };
}

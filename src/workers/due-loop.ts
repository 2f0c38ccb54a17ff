import type { Loop } from "./loop.ts";

/** A loop over work that is due at known times. */
export interface DueLoop extends Loop {
  /** There may be something to do: the next run is at once. */
  hasten(): void;
}

export interface DueLoopOptions {
  /** So long after a run the next one is at the soonest: what becomes due meanwhile is done together. */
  readonly leastMs: number;
  /** So long the loop sleeps at the most, since not everything that becomes due is known in advance. */
  readonly mostMs: number;
  readonly onError: (error: unknown) => void;
}

/** Runs a piece of work whenever it is due, as each run tells: in so many milliseconds. After a failed one, as late as may be. */
export function startDueLoop(runOnce: () => Promise<number>, options: DueLoopOptions): DueLoop {
  const { leastMs, mostMs, onError } = options;
  let isStopped = false;
  let isHastened = false;
  let endedMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const runIn = (ms: number) => {
    const restMs = endedMs + leastMs - performance.now();
    if (!isStopped) timer = setTimeout(run, Math.ceil(Math.max(restMs, Math.min(ms, mostMs))));
  };
  const ended = (waitMs: number) => {
    endedMs = performance.now();
    runIn(waitMs);
  };
  const run = () => {
    timer = undefined;
    isHastened = false;
    running = runOnce().then(
      (waitMs) => ended(isHastened ? 0 : waitMs),
      (error: unknown) => {
        onError(error);
        ended(mostMs);
      },
    );
  };
  run();
  return {
    hasten() {
      if (isHastened) return;
      isHastened = true;
      if (timer === undefined) return;
      clearTimeout(timer);
      runIn(0);
    },
    stop() {
      isStopped = true;
      clearTimeout(timer);
      return running;
    },
  };
}

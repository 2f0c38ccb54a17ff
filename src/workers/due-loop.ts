import type { Loop } from "./loop.ts";

/** A loop over work that is due at known times. */
export interface DueLoop extends Loop {
  /** There may be something to do: the next run is at once. */
  hasten(): void;
}

export interface DueLoopOptions {
  /** So long the loop sleeps at the most, since not everything that becomes due is known in advance. */
  readonly mostMs: number;
  readonly onError: (error: unknown) => void;
}

/** Runs a piece of work whenever it is due, as each run tells: in so many milliseconds. After a failed one, as late as may be. */
export function startDueLoop(runOnce: () => Promise<number>, { mostMs, onError }: DueLoopOptions): DueLoop {
  let isStopped = false;
  let isHastened = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const runIn = (ms: number) => {
    if (!isStopped) timer = setTimeout(run, ms);
  };
  const run = () => {
    timer = undefined;
    isHastened = false;
    running = runOnce().then(
      (waitMs) => runIn(isHastened ? 0 : Math.min(Math.ceil(waitMs), mostMs)),
      (error: unknown) => {
        onError(error);
        runIn(mostMs);
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

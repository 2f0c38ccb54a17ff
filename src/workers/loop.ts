export interface Loop {
  /** Ends the loop after the run that is under way. */
  stop(): Promise<void>;
}

export interface WakeableLoop extends Loop {
  /** Has a run begin at once, or right after the one that is under way, instead of an interval later. */
  wake(): void;
}

export interface LoopOptions<T> {
  /** So long after a run the next one begins, at the latest. */
  readonly intervalMs: number;
  /** Default: 0. So long after a run the next one begins at the soonest: what there is to do meanwhile is done together. */
  readonly leastMs?: number;
  /** Where a run knows when there is something to do again: in so many milliseconds. */
  readonly nextInMs?: (result: T) => number;
  readonly onError: (error: unknown) => void;
}

/** Runs a piece of work again and again, never beside itself; a failed run changes nothing. */
export function startLoop<T>(runOnce: () => Promise<T>, options: LoopOptions<T>): WakeableLoop {
  const { intervalMs, leastMs = 0, nextInMs = () => intervalMs, onError } = options;
  let isStopped = false;
  let isWoken = false;
  let endedMs = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  const runIn = (ms: number) => {
    if (isStopped) return;
    const restMs = endedMs + leastMs - performance.now();
    timer = setTimeout(run, Math.ceil(Math.max(restMs, Math.min(ms, intervalMs), 0)));
  };
  const run = () => {
    timer = undefined;
    isWoken = false;
    running = runOnce()
      .then(nextInMs, (error: unknown) => {
        onError(error);
        return intervalMs;
      })
      .then((waitMs) => {
        endedMs = performance.now();
        runIn(isWoken ? 0 : waitMs);
      });
  };
  run();
  return {
    wake() {
      if (isWoken) return;
      isWoken = true;
      if (!timer) return;
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

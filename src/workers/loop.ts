export interface Loop {
  /** Ends the loop after the run that is under way. */
  stop(): Promise<void>;
}

export interface WakeableLoop extends Loop {
  /** Has a run begin at once, or right after the one that is under way, instead of an interval later. */
  wake(): void;
}

/** Runs a piece of work again and again, each run an interval after the last has ended; a failed one changes nothing. */
export function startLoop(
  runOnce: () => Promise<unknown>,
  { intervalMs, onError }: { readonly intervalMs: number; readonly onError: (error: unknown) => void },
): WakeableLoop {
  let stopped = false;
  let isWoken = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const run = () => {
    timer = undefined;
    isWoken = false;
    running = runOnce()
      .then(() => undefined, onError)
      .then(() => {
        if (!stopped) timer = setTimeout(run, isWoken ? 0 : intervalMs);
      });
  };
  run();
  return {
    wake() {
      if (isWoken || stopped) return;
      isWoken = true;
      if (!timer) return;
      clearTimeout(timer);
      timer = setTimeout(run, 0);
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      return running;
    },
  };
}

export interface Loop {
  /** Ends the loop after the run that is under way. */
  stop(): Promise<void>;
}

/** Runs a piece of work again and again, each run an interval after the last has ended; a failed one changes nothing. */
export function startLoop(
  runOnce: () => Promise<unknown>,
  { intervalMs, onError }: { readonly intervalMs: number; readonly onError: (error: unknown) => void },
): Loop {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const run = () => {
    running = runOnce()
      .then(() => undefined, onError)
      .then(() => {
        if (!stopped) timer = setTimeout(run, intervalMs);
      });
  };
  run();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      return running;
    },
  };
}

/**
 * Runs a function over items, so many at a time, and gives the results in the order in which they come. Nothing is started
 * ahead of its reader: what runs and what waits to be taken are together at most `atMost`.
 *
 * Once the signal is aborted or the reader leaves, nothing new starts, and the generator ends when all that runs has. If the
 * items fail, so does the generator, after the results of what was started. `run` must not reject.
 */
export async function* runConcurrently<Item, Result>(
  items: AsyncIterable<Item>,
  { atMost, signal }: { readonly atMost: number; readonly signal: AbortSignal },
  run: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const source = items[Symbol.asyncIterator]();
  const running = new Set<Promise<void>>();
  const untaken: Result[] = [];
  let wake: () => void = () => undefined;
  let isExhausted = false;
  let failure: { readonly cause: unknown } | undefined;

  const start = (item: Item) => {
    const one = run(item).then((result) => {
      running.delete(one);
      untaken.push(result);
      wake();
    });
    running.add(one);
  };
  const startNext = async () => {
    const next = await source.next().catch((cause: unknown) => {
      failure = { cause };
    });
    if (next === undefined || next.done) isExhausted = true;
    else if (!signal.aborted) start(next.value);
  };

  try {
    for (;;) {
      while (running.size + untaken.length < atMost && !isExhausted && !signal.aborted) await startNext();
      if (untaken.length === 0 && running.size > 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (signal.aborted || untaken.length === 0) break;
      yield* untaken.splice(0, 1);
    }
    signal.throwIfAborted();
    if (failure) throw failure.cause;
  } finally {
    await Promise.all(running);
    await source.return?.();
  }
}

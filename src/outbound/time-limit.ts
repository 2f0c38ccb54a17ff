/** A signal that ends with its parent or when the time is up. */
export interface TimeLimit extends Disposable {
  readonly signal: AbortSignal;
}

/** To be disposed of when the work is done. */
export function startTimeLimit(parent: AbortSignal, ms: number): TimeLimit {
  const controller = new AbortController();
  const follow = () => controller.abort(parent.reason);
  parent.addEventListener("abort", follow, { once: true });
  const timer = setTimeout(() => controller.abort(new Error("the time is up")), Math.ceil(ms));
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      parent.removeEventListener("abort", follow);
      clearTimeout(timer);
    },
  };
}

/** What comes of the work, or undefined as soon as the signal ends: some libraries notice that late. */
export function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const giveUp = () => resolve(undefined);
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}

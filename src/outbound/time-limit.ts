/** The reason of a signal whose time is up. */
export const TIME_IS_UP = new Error("the time for the answer is up");

/** A signal that ends with its parent or, for the reason TIME_IS_UP, when the time is up. */
export interface TimeLimit extends Disposable {
  readonly signal: AbortSignal;
}

/** To be disposed of when the work is done. */
export function startTimeLimit(parent: AbortSignal, ms: number): TimeLimit {
  const controller = new AbortController();
  const follow = () => controller.abort(parent.reason);
  parent.addEventListener("abort", follow, { once: true });
  const timer = setTimeout(() => controller.abort(TIME_IS_UP), Math.ceil(ms));
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

import { setTimeout as wait } from "node:timers/promises";

const withinMs = 40_000;
const lookEveryMs = 25;

/**
 * Looks again and again until something is there, and returns it.
 *
 * @param what for the error, as in "is not so: the cart has moved"
 * @throws Error if nothing is there in time
 */
export async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline)
      throw new Error(`after ${withinMs / 1000} s it is still not so that ${what}`);
    await wait(lookEveryMs);
  }
}

const FIRST_MS = 1_000;
const LONGEST_MS = 60 * 60 * 1_000;
/** A receiver that wants to be left alone for longer is asked again all the same, or it could put off an effect for ever. */
const LONGEST_WISH_MS = 24 * LONGEST_MS;

/**
 * How long to wait after so many failed attempts: anything up to 1 s, doubled with each, up to an hour, so that those that
 * failed together do not come back together. No less than the receiver asked for, up to a day.
 *
 * @param random from 0 to 1
 */
export function retryDelayMs(attempts: number, random: number, wishMs = 0): number {
  const mostMs = Math.min(FIRST_MS * 2 ** Math.max(attempts - 1, 0), LONGEST_MS);
  return Math.max(mostMs * random, Math.min(wishMs, LONGEST_WISH_MS));
}

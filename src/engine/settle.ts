import { setTimeout } from "node:timers/promises";
import { Refusal } from "../domain/refusal.ts";
import { AnswerLost, isContention } from "../store/database-error.ts";

export interface OnceOnly<T> {
  /** One try; undefined if a guard did not hold. Every try carries the same id. */
  write(): Promise<T | undefined>;
  /**
   * In a new statement: what has been written under that id, or the Refusal (thrown) that tells why it cannot be; undefined
   * if neither, so that it may be tried again.
   */
  check(): Promise<T | undefined>;
}

const TRIES = 5;
/** How long a database that went away around a write is waited for before its outcome is given up as unknown. */
const PATIENCE_MS = 5_000;

/** Carries a write to its one outcome, never mistaking its own success for a lost race (R11). */
export async function settle<T>({ write, check }: OnceOnly<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const lastTry = attempt === TRIES;
    try {
      const written = await write();
      if (written !== undefined) return written;
    } catch (error) {
      if (error instanceof AnswerLost) {
        const found = await checkPatiently(check, error);
        if (found !== undefined) return found;
        if (lastTry) throw commitUnknown(error);
        continue;
      }
      if (!isContention(error) || lastTry) throw error;
      await jitter(attempt);
      continue;
    }
    const found = await check();
    if (found !== undefined) return found;
    if (lastTry) {
      throw new Refusal(
        "CONCURRENT_TRANSITION",
        "The chain is being written by many at once. Nothing was done; try again.",
      );
    }
    await jitter(attempt);
  }
}

async function checkPatiently<T>(
  check: () => Promise<T | undefined>,
  lost: AnswerLost,
): Promise<T | undefined> {
  const until = performance.now() + PATIENCE_MS;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await check();
    } catch (error) {
      const unavailable = error instanceof Refusal && error.reason === "DATABASE_UNAVAILABLE";
      if (!unavailable) throw error;
      if (performance.now() >= until) throw commitUnknown(lost);
      await jitter(attempt);
    }
  }
}

function commitUnknown(cause: unknown): Refusal {
  return new Refusal(
    "COMMIT_UNKNOWN",
    "The connection to the database broke around the commit, and whether the write was kept is not known. " +
      "Repeat the request with the same request_id, or read the chain.",
    { retryAfterMs: 1000, cause },
  );
}

/** Those who collided must not collide again in step. */
function jitter(attempt: number): Promise<void> {
  return setTimeout(Math.random() * Math.min(20 * 2 ** attempt, 500));
}

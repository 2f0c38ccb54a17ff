import { setTimeout } from "node:timers/promises";
import { Refusal } from "../domain/refusal.ts";
import { AnswerLost, commitUnknown, isContention, isUnavailable } from "../store/database-error.ts";

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
  let lost: AnswerLost | undefined;
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    const tried = await tryOnce(write).catch((error) => Promise.reject(unknownIf(lost, error)));
    if (tried.kind === "written") return tried.value;
    if (tried.kind === "lost") lost = tried.error;
    if (tried.kind !== "contended") {
      const found = lost ? await checkPatiently(check, lost) : await check();
      if (found !== undefined) return found;
    }
    await jitter(attempt);
  }
  throw lost
    ? commitUnknown(lost)
    : new Refusal(
        "CONCURRENT_TRANSITION",
        "The chain is being written by many at once. Nothing was done; try again.",
      );
}

type Tried<T> =
  | { readonly kind: "written"; readonly value: T }
  | { readonly kind: "refused" }
  | { readonly kind: "contended" }
  | { readonly kind: "lost"; readonly error: AnswerLost };

async function tryOnce<T>(write: () => Promise<T | undefined>): Promise<Tried<T>> {
  try {
    const value = await write();
    return value === undefined ? { kind: "refused" } : { kind: "written", value };
  } catch (error) {
    if (error instanceof AnswerLost) return { kind: "lost", error };
    if (isContention(error)) return { kind: "contended" };
    throw error;
  }
}

/** After a lost answer an unreachable database no longer means that nothing was done. */
function unknownIf(lost: AnswerLost | undefined, error: unknown): unknown {
  return lost && isUnavailable(error) ? commitUnknown(lost) : error;
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
      if (!isUnavailable(error)) throw error;
      if (performance.now() >= until) throw commitUnknown(lost);
      await jitter(attempt);
    }
  }
}

/** Those who collided must not collide again in step. */
function jitter(attempt: number): Promise<void> {
  return setTimeout(Math.random() * Math.min(20 * 2 ** attempt, 500));
}

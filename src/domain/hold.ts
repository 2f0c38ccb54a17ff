import type { Evaluation } from "./evaluation.ts";

/** A transition that is not asked before a time, for one chain, version and revision (R22). */
export interface Hold {
  readonly transition: string;
  readonly notBefore: Date;
  /** What the validator said last. */
  readonly errors: readonly string[];
}

export function holdInForce(holds: readonly Hold[], transition: string, now: Date): Hold | undefined {
  return holds.find((hold) => hold.transition === transition && hold.notBefore > now);
}

export function evaluationOfHold(hold: Hold): Evaluation {
  return {
    transition: hold.transition,
    verdict: "INVALID",
    errors: hold.errors,
    deferredUntil: hold.notBefore,
    held: true,
  };
}

/**
 * The holds after an attempt: a transition that was asked has the hold that it answered, or none; one that was not asked
 * keeps its hold, since a stop in front of it says nothing of it.
 */
export function holdsAfter(holds: readonly Hold[], evaluations: readonly Evaluation[], now: Date): Hold[] {
  const asked = new Set(evaluations.filter(({ held }) => !held).map(({ transition }) => transition));
  const kept = holds.filter((hold) => hold.notBefore > now && !asked.has(hold.transition));
  const made = evaluations.flatMap(({ transition, held, deferredUntil, errors }) =>
    !held && deferredUntil && deferredUntil > now ? [{ transition, notBefore: deferredUntil, errors }] : [],
  );
  return [...kept, ...made].sort((a, b) => (a.transition < b.transition ? -1 : 1));
}

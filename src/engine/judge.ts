import { type Transition, transitionsFrom } from "../domain/chain-type.ts";
import { decide, type FinalDecision, type Situation } from "../domain/decide.ts";
import { type Evaluation, evaluationOf } from "../domain/evaluation.ts";
import { Refusal } from "../domain/refusal.ts";
import type { Verdict } from "../domain/verdict.ts";

/** How a judgement ended: decided, or broken off because nobody waits for it any more. */
export type Judgement =
  | FinalDecision
  | { readonly kind: "interrupted"; readonly refusal: Refusal; readonly evaluations: readonly Evaluation[] };

/** Timers round to the millisecond, so that a call may be given up a little before its deadline. */
const TIMER_EARLINESS_MS = 5;

/**
 * Asks for verdicts until `decide` needs no more. Calls that are still open then are cancelled, and their answers dropped.
 */
export async function judge(
  situation: Situation,
  ask: (transition: Transition, signal: AbortSignal) => Promise<Verdict>,
  limits: { readonly signal: AbortSignal; readonly deadlineMs: number },
): Promise<Judgement> {
  const verdicts = new Map<string, Verdict>();
  const asked = new Set<string>();
  const open = new Map<string, Promise<void>>();
  const cancel = new AbortController();
  const cancelAll = () => cancel.abort(limits.signal.reason);
  limits.signal.addEventListener("abort", cancelAll, { once: true });
  try {
    for (;;) {
      limits.signal.throwIfAborted();
      const decision = decide(situation, verdicts);
      if (decision.kind !== "ask") return decision;
      if (performance.now() >= limits.deadlineMs) throw deadlineExceeded();
      for (const transition of decision.transitions) {
        const { name } = transition;
        if (asked.has(name)) continue;
        asked.add(name);
        const answer = ask(transition, cancel.signal).then((verdict) => {
          // A validator that was cut short by our own deadline said nothing about itself.
          if (performance.now() >= limits.deadlineMs - TIMER_EARLINESS_MS) throw deadlineExceeded();
          verdicts.set(name, verdict);
          open.delete(name);
        });
        // Waited for below, or dropped once the decision is made.
        answer.catch(() => undefined);
        open.set(name, answer);
      }
      await Promise.race(open.values());
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const evaluations = transitionsFrom(situation.chainType, situation.chain.state).flatMap(({ name }) => {
      const verdict = verdicts.get(name);
      return verdict ? [evaluationOf(name, verdict)] : [];
    });
    return { kind: "interrupted", refusal: error, evaluations };
  } finally {
    limits.signal.removeEventListener("abort", cancelAll);
    if (open.size > 0) cancel.abort(new Refusal("CANCELLED", "the decision has been made"));
  }
}

function deadlineExceeded(): Refusal {
  return new Refusal(
    "DEADLINE_EXCEEDED",
    "The deadline passed before the validators had answered; the chain did not move. Allow more time than the validators' timeouts.",
  );
}

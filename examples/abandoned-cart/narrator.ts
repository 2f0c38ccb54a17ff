import { setTimeout as wait } from "node:timers/promises";
import { styleText } from "node:util";
import type { ExecuteResponse } from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { type Evaluation, Outcome, Verdict } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import type { SweptCart } from "./shop/sweep.ts";

// Time to read, where somebody reads.
const pauseMs = process.stdout.isTTY ? 1_000 : 0;

/** Begins a scene. */
export async function scene(title: string): Promise<void> {
  await wait(pauseMs);
  say(`\n${styleText("bold", title)}`);
}

export function say(line: string): void {
  console.log(line);
}

/** Tells what a sweep came to, cart by cart. */
export function tellSwept(swept: readonly SweptCart[]): void {
  for (const result of swept) {
    if (result.kind === "answered") {
      tellOutcome(result.cart, result.response);
      if (result.mail) say(styleText("cyan", `      mail to ${result.mail.to}: "${result.mail.subject}"`));
    } else {
      const { reason, evaluations } = result.refusal;
      say(`  ${nameOf(result.cart)}  ${styleText("red", `refused, ${reason}: this call moved nothing`)}`);
      tellEvaluations(evaluations);
    }
  }
}

/** Tells what one Execute came to. */
export function tellOutcome(cart: { id: string; name: string }, response: ExecuteResponse): void {
  say(`  ${nameOf(cart)}  ${outcomeWords(response)}`);
  tellEvaluations(response.evaluations);
}

/** Tells which transitions were asked, in order, and what each validator answered. */
export function tellEvaluations(evaluations: readonly Evaluation[]): void {
  for (const { transition, verdict, errors } of evaluations) {
    say(`      ${transition.padEnd(16)}  ${verdictWord(verdict)}  ${errors.join("; ")}`.trimEnd());
  }
}

export function nameOf({ id, name }: { id: string; name: string }): string {
  return `cart ${id} of ${name}`.padEnd(17);
}

function outcomeWords({ outcome, transition, chain }: ExecuteResponse): string {
  switch (outcome) {
    case Outcome.TRANSITIONED:
      return styleText("green", `moves from ${transition?.fromState} to ${transition?.finalState}`);
    case Outcome.WOULD_TRANSITION:
      return `is in ${transition?.fromState} and would move to ${transition?.finalState}`;
    case Outcome.NO_VALID_TRANSITION:
      return `stays in ${chain?.state}`;
    case Outcome.ALREADY_FINAL:
      return `is in ${chain?.state} for good: nobody was asked`;
    default:
      return styleText("red", `unexpected outcome ${outcome}`);
  }
}

function verdictWord(verdict: Verdict): string {
  switch (verdict) {
    case Verdict.VALID:
      return styleText("green", "valid  ");
    case Verdict.INVALID:
      return styleText("yellow", "invalid");
    default:
      return styleText("red", "error  ");
  }
}

import { setTimeout as wait } from "node:timers/promises";
import { styleText } from "node:util";
import type { ChainEvent } from "../../gen/ts/dispatcher/v1/chain_event_pb.ts";
import type { ExecuteResponse, GetChainResponse } from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { type Evaluation, Outcome, Verdict } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import type { ReceivedMail } from "./mail-server.ts";
import type { ExecutedCart } from "./shop/execute-cart.ts";

/** Whom a cart is shown with. */
export interface Named {
  readonly id: string;
  readonly name: string;
}

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

/** Tells that a process was killed or started, or what else happened behind the scenes. */
export function note(line: string): void {
  say(styleText("magenta", `  ${line}`));
}

/** Tells what an Execute of the cart came to. */
export function tellExecuted(cart: Named, executed: ExecutedCart): void {
  if (executed.kind === "answered") {
    tellOutcome(cart, executed.response);
  } else {
    const { reason, evaluations } = executed.refusal;
    say(`  ${nameOf(cart)}  ${styleText("red", `refused, ${reason}: this call moved nothing`)}`);
    tellEvaluations(evaluations);
  }
}

/** Tells what one Execute came to. */
export function tellOutcome(cart: Named, response: ExecuteResponse): void {
  say(`  ${nameOf(cart)}  ${outcomeWords(response)}`);
  tellEvaluations(response.evaluations);
}

/** Tells of a move, and of the verdicts that led to it. */
export function tellMove(cart: Named, { fromState, finalState, requestedBy, evaluations }: ChainEvent): void {
  const moves = styleText("green", `moves from ${fromState} to ${finalState}`);
  say(`  ${nameOf(cart)}  ${moves}, by the ${requestedBy}`);
  tellEvaluations(evaluations);
}

/** Tells what the last attempt that did not move the cart came to. */
export function tellLastAttempt(cart: Named, { chain, lastAttempt }: GetChainResponse): void {
  const failed = lastAttempt?.reason ? `, ${lastAttempt.reason}` : "";
  say(
    `  ${nameOf(cart)}  is in ${chain?.state}, last asked about by the ${lastAttempt?.requestedBy}${failed}`,
  );
  tellEvaluations(lastAttempt?.evaluations ?? []);
}

export function tellMail({ to, subject, messageId }: ReceivedMail): void {
  say(styleText("cyan", `      mail to ${to}: "${subject}"`));
  say(`      ${messageId}`);
}

/** Tells which transitions were asked, in order, and what each validator answered. */
function tellEvaluations(evaluations: readonly Evaluation[]): void {
  for (const { transition, verdict, errors } of evaluations) {
    say(`      ${transition.padEnd(16)}  ${verdictWord(verdict)}  ${errors.join("; ")}`.trimEnd());
  }
}

function nameOf({ id, name }: Named): string {
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

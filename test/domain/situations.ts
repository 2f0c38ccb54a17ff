import type { Chain } from "../../src/domain/chain.ts";
import type { ChainType, Transition } from "../../src/domain/chain-type.ts";
import { type Decision, decide, type FinalDecision, type Situation } from "../../src/domain/decide.ts";
import type { Verdict } from "../../src/domain/verdict.ts";

export const now = new Date("2026-03-01T12:00:00Z");
export const later = new Date("2026-03-01T12:00:05Z");

export const valid: Verdict = { kind: "VALID", context: { mail: "reminder" } };
export const invalid: Verdict = { kind: "INVALID", errors: ["too early"] };
export const timeout: Verdict = { kind: "ERROR", reason: "TIMEOUT", message: "no answer in 2 s" };
export const notRegistered: Verdict = { kind: "ERROR", reason: "NOT_REGISTERED", message: "no endpoint" };
export const malformed: Verdict = { kind: "ERROR", reason: "MALFORMED", message: "not JSON" };

export function transition(name: string, change: Partial<Transition> = {}): Transition {
  return { name, finalState: "reminded", onError: "STOP", ...change };
}

/** A type whose state `new` asks these transitions in this order. */
export function typeOf(transitions: readonly Transition[], change: Partial<ChainType> = {}): ChainType {
  return {
    name: "abandoned_cart",
    evaluation: "SEQUENTIAL",
    transitions,
    states: [{ name: "new", transitions: transitions.map(({ name }) => name) }],
    ...change,
  };
}

/** django-dispatcher's example: two reminders, and a booking that ends the chain. */
export const cart = typeOf([
  transition("two_days", { finalState: "reminded_once" }),
  transition("one_week", { finalState: "reminded_twice" }),
  transition("booking_complete", { finalState: "done" }),
]);

export function chain(change: Partial<Chain> = {}): Chain {
  return {
    id: "chain-1",
    chainType: "abandoned_cart",
    state: "new",
    version: 3,
    resources: [{ resourceType: "cart", resourceId: "1" }],
    disabled: false,
    createTime: now,
    updateTime: now,
    ...change,
  };
}

export function situation(change: Partial<Situation> = {}): Situation {
  return {
    chain: chain(),
    chainType: cart,
    holds: [],
    now,
    dryRun: false,
    evaluateAll: false,
    ignoreSchedule: false,
    ...change,
  };
}

export type Answers = Readonly<Record<string, Verdict>>;

export function decideWith(change: Partial<Situation>, answers: Answers): Decision {
  return decide(situation(change), new Map(Object.entries(answers)));
}

/** What the decision asks for, or undefined if it asks for nothing. */
export function asked(decision: Decision): readonly string[] | undefined {
  return decision.kind === "ask" ? decision.transitions.map(({ name }) => name) : undefined;
}

/**
 * Decides as an Execute does: answers one of the transitions that are asked for, and asks again.
 *
 * @returns the decision, and the transitions in the order in which they answered
 * @throws Error if an answer brought the decision no further
 */
export function run(
  at: Situation,
  answer: (name: string) => Verdict,
  choose: (names: readonly string[]) => string | undefined = ([first]) => first,
): { readonly decision: FinalDecision; readonly answered: readonly string[] } {
  const verdicts = new Map<string, Verdict>();
  for (;;) {
    const decision = decide(at, verdicts);
    if (decision.kind !== "ask") return { decision, answered: [...verdicts.keys()] };
    const name = choose(decision.transitions.map((transition) => transition.name));
    if (name === undefined || verdicts.has(name)) throw new Error(`asked in vain: ${name}`);
    verdicts.set(name, answer(name));
  }
}

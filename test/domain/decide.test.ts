import { describe, expect, it } from "vitest";
import { decide, type Situation } from "../../src/domain/decide.ts";
import {
  type Answers,
  asked,
  cart,
  chain,
  decideWith,
  invalid,
  malformed,
  notRegistered,
  run,
  situation,
  timeout,
  transition,
  typeOf,
  valid,
} from "./situations.ts";

/** What came of it, short enough for a table. */
function outcome(change: Partial<Situation>, answers: Answers): string {
  const decision = decideWith(change, answers);
  switch (decision.kind) {
    case "ask":
      return `ask ${asked(decision)?.join(" ")}`;
    case "advance":
      return `advance ${decision.transition.name} to ${decision.transition.finalState}`;
    case "stop":
    case "refuse":
      return `${decision.kind} ${decision.refusal.reason}`;
    default:
      return decision.kind;
  }
}

describe("what django-dispatcher documents", () => {
  it.each<[string, Answers, string]>([
    ["the first transition is valid", { two_days: valid }, "advance two_days to reminded_once"],
    [
      "the first is not, the second is",
      { two_days: invalid, one_week: valid },
      "advance one_week to reminded_twice",
    ],
    ["none is", { two_days: invalid, one_week: invalid, booking_complete: invalid }, "hold"],
    [
      "the last one ends the chain",
      { two_days: invalid, one_week: invalid, booking_complete: valid },
      "advance booking_complete to done",
    ],
  ])("%s", (_, answers, expected) => {
    expect(outcome({}, answers)).toBe(expected);
  });

  it.each([
    ["done", "is its DONE"],
    ["reminded_twice", "has no transitions"],
    ["nowhere", "is no state of its type"],
  ])("asks nobody of a chain in %s, which %s", (state) => {
    expect(outcome({ chain: chain({ state, disabled: true }) }, {})).toBe("final");
  });

  it("reports why each transition was not taken", () => {
    const tooEarly = { two_days: invalid, one_week: { ...invalid, errors: ["5 days old", "no address"] } };
    const decision = decideWith({}, { ...tooEarly, booking_complete: invalid });
    expect(decision).toMatchObject({
      kind: "hold",
      evaluations: [
        { transition: "two_days", verdict: "INVALID", errors: ["too early"], held: false },
        { transition: "one_week", verdict: "INVALID", errors: ["5 days old", "no address"], held: false },
        { transition: "booking_complete", verdict: "INVALID", errors: ["too early"], held: false },
      ],
    });
  });
});

describe("SEQUENTIAL", () => {
  it("asks one at a time, and none after the first valid one", () => {
    const at = situation();
    const { decision, answered } = run(at, (name) => (name === "one_week" ? valid : invalid));
    expect(answered).toEqual(["two_days", "one_week"]);
    expect(decision).toMatchObject({ kind: "advance", transition: { name: "one_week" }, verdict: valid });
  });

  it.each<[string, Answers, string]>([
    ["nothing is known", {}, "ask two_days"],
    ["the first is invalid", { two_days: invalid }, "ask one_week"],
    ["only a later one is known", { one_week: valid, booking_complete: valid }, "ask two_days"],
  ])("when %s", (_, answers, expected) => {
    expect(outcome({}, answers)).toBe(expected);
  });

  it("drops what a later transition answered", () => {
    const decision = decideWith({}, { two_days: valid, one_week: valid, booking_complete: timeout });
    expect(decision).toMatchObject({ kind: "advance", evaluations: [{ transition: "two_days" }] });
  });
});

describe("PARALLEL", () => {
  const chainType = { ...cart, evaluation: "PARALLEL" } as const;

  it.each<[string, Answers, string]>([
    ["asks all at once", {}, "ask two_days one_week booking_complete"],
    ["waits for an earlier one", { one_week: valid, booking_complete: valid }, "ask two_days"],
    ["acts while a later one is open", { two_days: valid }, "advance two_days to reminded_once"],
    [
      "takes the first in order, not the first to answer",
      { booking_complete: valid, one_week: valid, two_days: invalid },
      "advance one_week to reminded_twice",
    ],
    ["an ERROR waits for all before it", { one_week: timeout }, "ask two_days booking_complete"],
    [
      "an earlier VALID overrules an ERROR",
      { two_days: valid, one_week: timeout },
      "advance two_days to reminded_once",
    ],
    [
      "an ERROR decides while a later one is open",
      { two_days: invalid, one_week: timeout },
      "stop VALIDATOR_UNAVAILABLE",
    ],
    [
      "an ERROR decides although a later one is valid",
      { two_days: invalid, one_week: timeout, booking_complete: valid },
      "stop VALIDATOR_UNAVAILABLE",
    ],
  ])("%s", (_, answers, expected) => {
    expect(outcome({ chainType }, answers)).toBe(expected);
  });

  it("an ERROR under STOP decides once those before it are invalid or skipped", () => {
    const skipping = typeOf(
      [
        transition("first"),
        transition("second", { onError: "SKIP" }),
        transition("third"),
        transition("fourth"),
      ],
      { evaluation: "PARALLEL" },
    );
    const answers = { first: invalid, third: malformed, fourth: valid };
    expect(outcome({ chainType: skipping }, answers)).toBe("ask second");
    expect(outcome({ chainType: skipping }, { ...answers, second: timeout })).toBe("stop VALIDATOR_BROKEN");
  });
});

describe("an ERROR", () => {
  it.each([
    [timeout, "VALIDATOR_UNAVAILABLE"],
    [malformed, "VALIDATOR_BROKEN"],
    [notRegistered, "VALIDATOR_NOT_REGISTERED"],
  ])("under STOP: $0.reason stops with $1", (verdict, reason) => {
    expect(decideWith({}, { two_days: verdict })).toMatchObject({ kind: "stop", refusal: { reason } });
  });

  it("under STOP says which validator, why, and every verdict so far", () => {
    const decision = decideWith({}, { two_days: invalid, one_week: timeout, booking_complete: valid });
    if (decision.kind !== "stop") throw new Error(decision.kind);
    expect(decision.refusal.message).toBe(
      'Validator of transition "one_week" gave no usable answer: no answer in 2 s. The chain stays in "new".',
    );
    expect(decision.refusal.details.metadata).toEqual({
      chain_id: "chain-1",
      transition: "one_week",
      state: "new",
      error: "no answer in 2 s",
    });
    expect(decision.evaluations).toMatchObject([
      { transition: "two_days", verdict: "INVALID" },
      { transition: "one_week", verdict: "ERROR", errors: ["no answer in 2 s"], errorReason: "TIMEOUT" },
    ]);
    expect(decision.refusal.details.evaluations).toEqual(decision.evaluations);
  });

  describe("under SKIP", () => {
    const chainType = typeOf([transition("optional", { onError: "SKIP" }), transition("always")]);

    it.each([timeout, malformed, notRegistered])("$reason lets the next one be asked", (verdict) => {
      expect(outcome({ chainType }, { optional: verdict })).toBe("ask always");
      expect(decideWith({ chainType }, { optional: verdict, always: valid })).toMatchObject({
        kind: "advance",
        transition: { name: "always" },
        evaluations: [{ verdict: "ERROR", errors: [expect.any(String)] }, { verdict: "VALID" }],
      });
    });

    it("is no valid transition if the rest is invalid", () => {
      expect(outcome({ chainType }, { optional: notRegistered, always: invalid })).toBe("hold");
    });
  });
});

describe("evaluate_all", () => {
  const all = { dryRun: true, evaluateAll: true };

  it("asks on after the decision, which stays the same", () => {
    expect(outcome(all, { two_days: valid })).toBe("ask one_week");
    const decision = decideWith(all, { two_days: valid, one_week: timeout, booking_complete: valid });
    expect(decision).toMatchObject({ kind: "advance", transition: { name: "two_days" } });
    expect(decision).toHaveProperty("evaluations.length", 3);
  });

  it("reports also what comes after an ERROR under STOP", () => {
    const decision = decideWith(all, { two_days: timeout, one_week: valid, booking_complete: invalid });
    if (decision.kind !== "stop") throw new Error(decision.kind);
    expect(decision.evaluations.map(({ verdict }) => verdict)).toEqual(["ERROR", "VALID", "INVALID"]);
    expect(decision.refusal.details.evaluations).toHaveLength(3);
  });
});

it("decides the same way whoever asks again with the same verdicts", () => {
  const at = situation();
  const verdicts = new Map([["two_days", invalid]]);
  expect(decide(at, verdicts)).toEqual(decide(at, verdicts));
  expect(verdicts).toEqual(new Map([["two_days", invalid]]));
});

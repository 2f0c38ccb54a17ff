import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Chain } from "../../src/domain/chain.ts";
import type { ChainType, OnError } from "../../src/domain/chain-type.ts";
import { type Decision, decide, type Situation } from "../../src/domain/decide.ts";
import type { Verdict } from "../../src/domain/verdict.ts";

const now = new Date("2026-01-01T00:00:00Z");
const later = new Date("2026-01-02T00:00:00Z");

const chain: Chain = {
  id: "0190b5a8-0000-7000-8000-000000000000",
  chainType: "cart",
  state: "new",
  version: 3,
  resources: [{ resourceType: "cart", resourceId: "1" }],
  disabled: false,
  createTime: now,
  updateTime: now,
};

function typeOf(names: readonly string[], onError: OnError = "STOP", parallel = false): ChainType {
  return {
    name: "cart",
    evaluation: parallel ? "PARALLEL" : "SEQUENTIAL",
    transitions: names.map((name) => ({ name, finalState: `after-${name}`, onError })),
    states: [{ name: "new", transitions: names }],
  };
}

function situation(change: Partial<Situation> = {}): Situation {
  const common = { chain, chainType: typeOf(["a", "b", "c"]), holds: [], now };
  return { ...common, dryRun: false, evaluateAll: false, ignoreSchedule: false, ...change };
}

const valid: Verdict = { kind: "VALID", context: {} };
const invalid: Verdict = { kind: "INVALID", errors: ["no"] };
const timeout: Verdict = { kind: "ERROR", reason: "TIMEOUT", message: "slow" };

/** Answers whatever is asked, one verdict at a time, until there is a decision; and who was asked, in order. */
function play(
  at: Situation,
  answers: Readonly<Record<string, Verdict>>,
): { decision: Decision; asked: string[] } {
  const verdicts = new Map<string, Verdict>();
  for (;;) {
    const decision = decide(at, verdicts);
    if (decision.kind !== "ask") return { decision, asked: [...verdicts.keys()] };
    const next = decision.transitions.find(({ name }) => !verdicts.has(name));
    if (!next) throw new Error("asked again for what is known");
    verdicts.set(next.name, answers[next.name] ?? invalid);
  }
}

const told = ({ decision, asked }: ReturnType<typeof play>) => ({
  asked: asked.join(""),
  ...(decision.kind === "advance" ? { takes: decision.transition.name } : { ends: decision.kind }),
});

describe("as django-dispatcher documents it", () => {
  test.each([
    ["the first transition is taken", { a: valid, b: valid }, { asked: "a", takes: "a" }],
    ["the first is skipped, the second taken", { b: valid, c: valid }, { asked: "ab", takes: "b" }],
    ["none is valid", {}, { asked: "abc", ends: "hold" }],
  ])("%s", (_, answers, expected) => {
    expect(told(play(situation(), answers as Record<string, Verdict>))).toEqual(expected);
  });

  test.each(["done", "after-a", "unheard-of"])("a chain in %s is final: nobody is asked", (state) => {
    const at = situation({ chain: { ...chain, state, disabled: true } });
    expect(decide(at, new Map())).toEqual({ kind: "final" });
  });
});

describe("an error is neither yes nor no", () => {
  test.each<[string, OnError, Record<string, Verdict>, object]>([
    ["STOP ends the walk", "STOP", { a: timeout, b: valid }, { asked: "a", ends: "stop" }],
    ["SKIP goes on", "SKIP", { a: timeout, b: valid }, { asked: "ab", takes: "b" }],
    [
      "SKIP and nothing valid",
      "SKIP",
      { a: timeout, b: timeout, c: timeout },
      { asked: "abc", ends: "hold" },
    ],
    ["a VALID before it wins", "STOP", { a: valid, b: timeout }, { asked: "a", takes: "a" }],
  ])("%s", (_, onError, answers, expected) => {
    expect(told(play(situation({ chainType: typeOf(["a", "b", "c"], onError) }), answers))).toEqual(expected);
  });

  test.each([
    ["UNREACHABLE", "VALIDATOR_UNAVAILABLE"],
    ["TIMEOUT", "VALIDATOR_UNAVAILABLE"],
    ["FAILED", "VALIDATOR_UNAVAILABLE"],
    ["NOT_REGISTERED", "VALIDATOR_NOT_REGISTERED"],
    ["REFUSED", "VALIDATOR_BROKEN"],
    ["MALFORMED", "VALIDATOR_BROKEN"],
    ["NO_VERDICT", "VALIDATOR_BROKEN"],
    ["TOO_LARGE", "VALIDATOR_BROKEN"],
    ["NOT_STORABLE", "VALIDATOR_BROKEN"],
  ] as const)("stopped by %s: refused with %s and every verdict so far", (reason, expected) => {
    const { decision } = play(situation(), { b: { kind: "ERROR", reason, message: "m" } });
    if (decision.kind !== "stop") throw new Error(decision.kind);
    expect(decision.refusal.reason).toBe(expected);
    expect(decision.evaluations.map(({ transition, verdict }) => [transition, verdict])).toEqual([
      ["a", "INVALID"],
      ["b", "ERROR"],
    ]);
    expect(decision.refusal.details.evaluations).toEqual(decision.evaluations);
  });
});

describe("PARALLEL", () => {
  const at = situation({ chainType: typeOf(["a", "b", "c"], "STOP", true) });
  const known = (verdicts: Record<string, Verdict>) => decide(at, new Map(Object.entries(verdicts)));

  test.each<[string, Record<string, Verdict>, object]>([
    ["asks all at once", {}, { kind: "ask", open: "abc" }],
    ["waits while an earlier one is open", { b: valid, c: valid }, { kind: "ask", open: "a" }],
    ["acts as soon as none is", { a: invalid, b: valid }, { kind: "advance" }],
    ["an error decides only when all before it are known", { b: timeout }, { kind: "ask", open: "ac" }],
    ["and then it does", { a: invalid, b: timeout }, { kind: "stop" }],
  ])("%s", (_, verdicts, expected) => {
    const decision = known(verdicts);
    const open =
      decision.kind === "ask" ? { open: decision.transitions.map(({ name }) => name).join("") } : {};
    expect({ kind: decision.kind, ...open }).toEqual(expected);
  });

  test("the evaluations end with the transition that decided", () => {
    const decision = known({ a: invalid, b: valid, c: valid });
    expect(decision.kind === "advance" && decision.evaluations.map(({ transition }) => transition)).toEqual([
      "a",
      "b",
    ]);
  });
});

describe("refused before anybody is asked, in this order", () => {
  test.each<[string, Partial<Situation>, string | undefined]>([
    ["disabled", { chain: { ...chain, disabled: true }, expectedVersion: 9 }, "CHAIN_DISABLED"],
    [
      "another version",
      { chain: { ...chain, nextUpdateTime: later }, expectedVersion: 9 },
      "VERSION_MISMATCH",
    ],
    ["not due", { chain: { ...chain, nextUpdateTime: later, claimExpireTime: later } }, "NOT_DUE"],
    ["claimed", { chain: { ...chain, claimExpireTime: later } }, "CLAIMED"],
    ["as many events as there may be", { chain: { ...chain, version: 51_200 } }, "HISTORY_FULL"],
    ["due by now", { chain: { ...chain, nextUpdateTime: now } }, undefined],
    [
      "the schedule is ignored",
      { chain: { ...chain, nextUpdateTime: later }, ignoreSchedule: true },
      undefined,
    ],
    [
      "a claim does not refuse a dry run",
      { chain: { ...chain, claimExpireTime: later }, dryRun: true },
      undefined,
    ],
    ["disabled refuses a dry run", { chain: { ...chain, disabled: true }, dryRun: true }, "CHAIN_DISABLED"],
    ["the version that is expected", { expectedVersion: 3 }, undefined],
  ])("%s", (_, change, reason) => {
    const decision = decide(situation(change), new Map());
    expect(decision.kind === "refuse" ? decision.refusal.reason : undefined).toBe(reason);
  });

  test("what is left of a claim is told, at most a second", () => {
    const soon = new Date(now.getTime() + 300);
    const wait = (claimExpireTime: Date) => {
      const decision = decide(situation({ chain: { ...chain, claimExpireTime } }), new Map());
      return decision.kind === "refuse" && decision.refusal.details.retryAfterMs;
    };
    expect([wait(soon), wait(later)]).toEqual([300, 1000]);
  });
});

describe("held by an earlier not_before", () => {
  const holds = [{ transition: "a", notBefore: later, errors: ["too early"] }];

  test("not asked: its last errors are reported, marked as held; others are asked", () => {
    const { decision, asked } = play(situation({ holds }), { a: valid, b: valid });
    expect(asked).toEqual(["b"]);
    expect(decision.kind === "advance" && decision.evaluations[0]).toEqual({
      transition: "a",
      verdict: "INVALID",
      errors: ["too early"],
      deferredUntil: later,
      held: true,
    });
  });

  test.each<[string, Partial<Situation>]>([
    ["its time has come", { now: later }],
    ["the schedule is ignored", { ignoreSchedule: true }],
    ["everything is to be explained", { evaluateAll: true, dryRun: true }],
  ])("asked all the same: %s", (_, change) => {
    const { decision } = play(situation({ holds, ...change }), { a: valid });
    expect(decision.kind === "advance" && decision.transition.name).toBe("a");
  });
});

test("evaluate_all asks every transition, and the first valid one is still the one", () => {
  const { decision, asked } = play(situation({ evaluateAll: true, dryRun: true }), { b: valid, c: valid });
  expect(asked).toEqual(["a", "b", "c"]);
  expect(decision).toMatchObject({ kind: "advance", transition: { name: "b" } });
  expect(decision.kind === "advance" && decision.evaluations.length).toBe(3);
});

describe("whatever the verdicts are", () => {
  const names = ["a", "b", "c", "d", "e"];
  const verdict = fc.constantFrom(valid, invalid, timeout);
  const anyAnswers = fc.record(Object.fromEntries(names.map((name) => [name, verdict])));
  const anyErrors = fc.array(fc.constantFrom<OnError>("STOP", "SKIP"), { minLength: 5, maxLength: 5 });

  const typed = (errors: readonly OnError[], parallel: boolean): ChainType => {
    const type = typeOf(names, "STOP", parallel);
    return {
      ...type,
      transitions: type.transitions.map((transition, index) => ({
        ...transition,
        onError: errors[index] ?? "STOP",
      })),
    };
  };

  test("a chain moves only by a VALID one, with none before it VALID, and no error under STOP", () => {
    fc.assert(
      fc.property(anyAnswers, anyErrors, (answers, errors) => {
        const { decision } = play(situation({ chainType: typed(errors, false) }), answers);
        if (decision.kind !== "advance") return;
        const place = names.indexOf(decision.transition.name);
        expect(answers[decision.transition.name]).toBe(valid);
        names.slice(0, place).forEach((name, index) => {
          expect(answers[name]).not.toBe(valid);
          if (answers[name] === timeout) expect(errors[index]).toBe("SKIP");
        });
      }),
    );
  });

  test("PARALLEL comes to the same as SEQUENTIAL, in whatever order the answers come", () => {
    fc.assert(
      fc.property(
        anyAnswers,
        anyErrors,
        fc.shuffledSubarray(names, { minLength: 5 }),
        (answers, errors, order) => {
          const sequential = play(situation({ chainType: typed(errors, false) }), answers).decision;
          const at = situation({ chainType: typed(errors, true) });
          const verdicts = new Map<string, Verdict>();
          let parallel = decide(at, verdicts);
          for (const name of order) {
            if (parallel.kind !== "ask") break;
            verdicts.set(name, answers[name] ?? invalid);
            parallel = decide(at, verdicts);
          }
          expect(parallel.kind).toBe(sequential.kind);
          if (parallel.kind === "advance" && sequential.kind === "advance") {
            expect(parallel.transition.name).toBe(sequential.transition.name);
            expect(parallel.evaluations).toEqual(sequential.evaluations);
          }
        },
      ),
    );
  });
});

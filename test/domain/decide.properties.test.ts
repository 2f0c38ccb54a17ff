import fc from "fast-check";
import { expect, it } from "vitest";
import type { Transition } from "../../src/domain/chain-type.ts";
import { decide, type Situation } from "../../src/domain/decide.ts";
import { holdInForce } from "../../src/domain/hold.ts";
import type { Verdict } from "../../src/domain/verdict.ts";
import { later, now, run, situation, typeOf } from "./situations.ts";

const time = fc.constantFrom(new Date(now.getTime() - 1), now, later);

const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  fc.record({ kind: fc.constant("VALID" as const), context: fc.constant({}) }),
  fc.record({ kind: fc.constant("INVALID" as const), errors: fc.array(fc.string(), { maxLength: 2 }) }),
  fc.record({
    kind: fc.constant("ERROR" as const),
    reason: fc.constantFrom("UNREACHABLE" as const, "MALFORMED" as const, "NOT_REGISTERED" as const),
    message: fc.string(),
  }),
);

interface Case {
  readonly at: Situation;
  readonly answers: ReadonlyMap<string, Verdict>;
}

const cases: fc.Arbitrary<Case> = fc
  .record({
    transitions: fc.array(
      fc.record({
        onError: fc.constantFrom("STOP" as const, "SKIP" as const),
        verdict,
        notBefore: fc.option(time, { nil: undefined }),
      }),
      { minLength: 1, maxLength: 8 },
    ),
    evaluation: fc.constantFrom("SEQUENTIAL" as const, "PARALLEL" as const),
    ignoreSchedule: fc.boolean(),
    evaluateAll: fc.boolean(),
  })
  .map(({ transitions, evaluation, ignoreSchedule, evaluateAll }) => {
    const named = transitions.map((drawn, index) => ({ ...drawn, name: `t${index}` }));
    const chainType = typeOf(
      named.map(({ name, onError }): Transition => ({ name, onError, finalState: `after_${name}` })),
      { evaluation },
    );
    const holds = named.flatMap(({ name, notBefore }) =>
      notBefore ? [{ transition: name, notBefore, errors: ["held"] }] : [],
    );
    return {
      at: situation({ chainType, holds, ignoreSchedule, evaluateAll, dryRun: evaluateAll }),
      answers: new Map(named.map((drawn) => [drawn.name, drawn.verdict])),
    };
  });

function answerOf({ answers }: Case): (name: string) => Verdict {
  return (name) => {
    const answer = answers.get(name);
    if (!answer) throw new Error(`no transition ${name}`);
    return answer;
  };
}

function evaluated(tested: Case, evaluation: "SEQUENTIAL" | "PARALLEL"): Situation {
  return { ...tested.at, chainType: { ...tested.at.chainType, evaluation } };
}

/** Answers come in any order: each draw says which of the open ones is next. */
function anyOrder(draws: readonly number[]): (names: readonly string[]) => string | undefined {
  let turn = 0;
  return (names) => {
    turn += 1;
    return names[(draws[turn % draws.length] ?? 0) % names.length];
  };
}

const draws = fc.array(fc.nat(), { minLength: 1, maxLength: 8 });

it("moves only on VALID, and only if all before it are INVALID, held or skipped", () => {
  fc.assert(
    fc.property(cases, draws, fc.nat(8), (tested, order, known) => {
      // Also with an incomplete set of verdicts, whichever they are.
      const some = new Map([...tested.answers].slice(known));
      const decisions = [run(tested.at, answerOf(tested), anyOrder(order)).decision, decide(tested.at, some)];
      for (const decision of decisions) {
        if (decision.kind !== "advance") continue;
        expect(tested.answers.get(decision.transition.name)).toBe(decision.verdict);
        expect(decision.verdict.kind).toBe("VALID");
        const { transitions } = tested.at.chainType;
        const place = transitions.indexOf(decision.transition);
        const passedOver = transitions.slice(0, place).map(({ name, onError }) => {
          const answer = tested.answers.get(name);
          const asksHeld = tested.at.ignoreSchedule || tested.at.evaluateAll;
          const isHeld = !asksHeld && holdInForce(tested.at.holds, name, now) !== undefined;
          return isHeld || answer?.kind === "INVALID" || (answer?.kind === "ERROR" && onError === "SKIP");
        });
        expect(passedOver).toEqual(passedOver.map(() => true));
      }
    }),
  );
});

it("ends after at most one verdict per transition", () => {
  fc.assert(
    fc.property(cases, draws, (tested, order) => {
      const { answered } = run(tested.at, answerOf(tested), anyOrder(order));
      expect(answered.length).toBeLessThanOrEqual(tested.at.chainType.transitions.length);
    }),
  );
});

it("comes to the same end SEQUENTIAL and PARALLEL, whoever answers first", () => {
  fc.assert(
    fc.property(cases, draws, (tested, order) => {
      const sequential = run(evaluated(tested, "SEQUENTIAL"), answerOf(tested)).decision;
      const parallel = run(evaluated(tested, "PARALLEL"), answerOf(tested), anyOrder(order)).decision;
      expect(parallel).toEqual(sequential);
    }),
  );
});

it("shows one evaluation per transition, in order, up to the one that decided", () => {
  fc.assert(
    fc.property(cases, (tested) => {
      const { decision } = run(tested.at, answerOf(tested));
      if (!("evaluations" in decision)) throw new Error(decision.kind);
      const names = decision.evaluations.map(({ transition }) => transition);
      const all = tested.at.chainType.transitions.map(({ name }) => name);
      expect(names).toEqual(all.slice(0, names.length));
      if (tested.at.evaluateAll || decision.kind === "hold") expect(names).toEqual(all);
      if (decision.kind === "advance" && !tested.at.evaluateAll)
        expect(names.at(-1)).toBe(decision.transition.name);
    }),
  );
});

it("evaluate_all explains the decision without changing it, where nothing is held", () => {
  fc.assert(
    fc.property(cases, (tested) => {
      const at = { ...tested.at, holds: [] };
      const plain = run({ ...at, evaluateAll: false }, answerOf(tested)).decision;
      const explained = run({ ...at, evaluateAll: true }, answerOf(tested)).decision;
      expect(explained.kind).toBe(plain.kind);
      if (plain.kind === "advance") expect(explained).toHaveProperty("transition", plain.transition);
    }),
  );
});

import { describe, expect, it } from "vitest";
import type { Situation } from "../../src/domain/decide.ts";
import type { Hold } from "../../src/domain/hold.ts";
import { asked, cart, decideWith, invalid, later, now, timeout, valid } from "./situations.ts";

const hold: Hold = { transition: "two_days", notBefore: later, errors: ["cart is 1 day old"] };
const held = {
  transition: "two_days",
  verdict: "INVALID",
  errors: ["cart is 1 day old"],
  deferredUntil: later,
  held: true,
};
const holds = [hold];

describe("a transition that is held", () => {
  it("is not asked, the others are", () => {
    expect(asked(decideWith({ holds }, {}))).toEqual(["one_week"]);
    const chainType = { ...cart, evaluation: "PARALLEL" } as const;
    expect(asked(decideWith({ holds, chainType }, {}))).toEqual(["one_week", "booking_complete"]);
  });

  it("is reported as held with its last errors", () => {
    const decision = decideWith({ holds }, { one_week: invalid, booking_complete: valid });
    expect(decision).toMatchObject({ kind: "advance", transition: { name: "booking_complete" } });
    expect(decision).toHaveProperty("evaluations.0", held);
  });

  it("does not keep an ERROR after it from deciding", () => {
    expect(decideWith({ holds }, { one_week: timeout })).toMatchObject({
      kind: "stop",
      evaluations: [held, {}],
    });
  });

  it("makes no valid transition if it is all there is", () => {
    const all = cart.transitions.map(({ name }) => ({ ...hold, transition: name }));
    const decision = decideWith({ holds: all }, {});
    expect(decision).toMatchObject({
      kind: "hold",
      evaluations: [{ held: true }, { held: true }, { held: true }],
    });
  });

  it("is not taken although somebody said that it is valid", () => {
    expect(asked(decideWith({ holds }, { two_days: valid }))).toEqual(["one_week"]);
  });

  it("is asked from its time on", () => {
    expect(asked(decideWith({ holds: [{ ...hold, notBefore: now }] }, {}))).toEqual(["two_days"]);
  });

  it.each<[string, Partial<Situation>]>([
    ["ignore_schedule", { ignoreSchedule: true }],
    ["evaluate_all", { dryRun: true, evaluateAll: true }],
  ])("%s asks it all the same", (_, call) => {
    expect(asked(decideWith({ holds, ...call }, {}))).toEqual(["two_days"]);
    const chainType = { ...cart, evaluation: "PARALLEL" } as const;
    expect(asked(decideWith({ holds, chainType, ...call }, {}))).toEqual([
      "two_days",
      "one_week",
      "booking_complete",
    ]);
  });
});

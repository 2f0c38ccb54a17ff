import { describe, expect, it } from "vitest";
import type { Evaluation } from "../../src/domain/evaluation.ts";
import { evaluationOfHold, type Hold, holdInForce, holdsAfter } from "../../src/domain/hold.ts";
import { later, now } from "./situations.ts";

const earlier = new Date(now.getTime() - 1);
const muchLater = new Date(later.getTime() + 60_000);

const hold = (transition: string, change: Partial<Hold> = {}): Hold => ({
  transition,
  notBefore: later,
  errors: ["before"],
  ...change,
});

const answer = (transition: string, change: Partial<Evaluation> = {}): Evaluation => ({
  transition,
  verdict: "INVALID",
  errors: ["now"],
  held: false,
  ...change,
});

describe("holdInForce", () => {
  it.each([
    ["until its time", later, true],
    ["not at its time", now, false],
    ["not after it", earlier, false],
  ])("holds %s", (_, notBefore, expected) => {
    expect(holdInForce([hold("a", { notBefore })], "a", now) !== undefined).toBe(expected);
  });

  it("holds that transition alone", () => {
    expect(holdInForce([hold("a")], "b", now)).toBeUndefined();
  });
});

it("a hold is shown as the answer it was", () => {
  expect(evaluationOfHold(hold("a"))).toEqual({
    transition: "a",
    verdict: "INVALID",
    errors: ["before"],
    deferredUntil: later,
    held: true,
  });
});

describe("holdsAfter", () => {
  it.each<[string, readonly Hold[], readonly Evaluation[], readonly Hold[]]>([
    ["a new one is made", [], [answer("a", { deferredUntil: later })], [hold("a", { errors: ["now"] })]],
    ["one in the past is not", [], [answer("a", { deferredUntil: earlier })], []],
    ["one that ends now is not", [], [answer("a", { deferredUntil: now })], []],
    ["held: it stays as it was", [hold("a")], [evaluationOfHold(hold("a"))], [hold("a")]],
    ["not asked, because of a stop before it: it stays", [hold("b")], [answer("a")], [hold("b")]],
    ["asked all the same, without a new time: it goes", [hold("a")], [answer("a")], []],
    [
      "asked all the same, with another time: that one",
      [hold("a")],
      [answer("a", { deferredUntil: muchLater })],
      [hold("a", { notBefore: muchLater, errors: ["now"] })],
    ],
    ["run out: it goes", [hold("a", { notBefore: now })], [], []],
    [
      "several, in one order whichever was made first",
      [hold("c"), hold("a")],
      [answer("b", { deferredUntil: later })],
      [hold("a"), hold("b", { errors: ["now"] }), hold("c")],
    ],
  ])("%s", (_, before, evaluations, after) => {
    expect(holdsAfter(before, evaluations, now)).toEqual(after);
  });
});

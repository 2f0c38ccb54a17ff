import { describe, expect, it } from "vitest";
import type { AutoExecute } from "../../src/domain/chain-type.ts";
import type { Hold } from "../../src/domain/hold.ts";
import { recheckOf, type Unmoved, wakeTimeAfter } from "../../src/domain/wake-time.ts";
import { cart, chain, now } from "./situations.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const fromNow = (ms: number) => new Date(now.getTime() + ms);
const hold = (transition: string, ms: number): Hold => ({ transition, notBefore: fromNow(ms), errors: [] });

function unmoved(change: Partial<Unmoved> = {}): Unmoved {
  return {
    chain: chain(),
    chainType: { ...cart, autoExecute: {} },
    holds: [],
    tries: { noValidCount: 1, errorCount: 0 },
    cameTo: "NO_VALID_TRANSITION",
    now,
    ...change,
  };
}

/** How long after the attempt the chain wakes, without jitter; undefined: it does not. */
function sleepMs(change: Partial<Unmoved> = {}): number | undefined {
  const wake = wakeTimeAfter(unmoved(change), 0);
  return wake && wake.getTime() - now.getTime();
}

const withAuto = (autoExecute: AutoExecute) => ({ chainType: { ...cart, autoExecute } });

describe("after so many attempts without a valid transition", () => {
  it.each([
    [1, {}, 5 * MINUTE],
    [2, {}, 10 * MINUTE],
    [3, {}, 20 * MINUTE],
    [7, {}, 320 * MINUTE],
    [8, {}, 6 * HOUR],
    [5_000, {}, 6 * HOUR],
    [1, { recheckIntervalMs: SECOND }, SECOND],
    [4, { recheckIntervalMs: SECOND, recheckMaxMs: MINUTE }, 8 * SECOND],
    [7, { recheckIntervalMs: SECOND, recheckMaxMs: MINUTE }, MINUTE],
    [9, { recheckIntervalMs: MINUTE, recheckMaxMs: MINUTE }, MINUTE],
  ])("%i with %o it sleeps %i ms", (noValidCount, autoExecute, expected) => {
    expect(sleepMs({ ...withAuto(autoExecute), tries: { noValidCount, errorCount: 99 } })).toBe(expected);
  });
});

describe("after so many attempts that could not be judged", () => {
  it.each([
    [1, {}, SECOND],
    [2, {}, 2 * SECOND],
    [9, {}, 256 * SECOND],
    [10, {}, 5 * MINUTE],
    [5_000, {}, 5 * MINUTE],
    [4, { recheckIntervalMs: 3 * SECOND }, 3 * SECOND],
    [1, { recheckIntervalMs: SECOND }, SECOND],
    [9, { recheckIntervalMs: SECOND }, SECOND],
  ])("%i with %o it sleeps %i ms", (errorCount, autoExecute, expected) => {
    const change = { cameTo: "ERROR" as const, tries: { noValidCount: 99, errorCount } };
    expect(sleepMs({ ...withAuto(autoExecute), ...change })).toBe(expected);
  });
});

describe("recheckOf", () => {
  it.each([
    [{}, { intervalMs: 5 * MINUTE, maxMs: 6 * HOUR }],
    [{ recheckIntervalMs: 7 }, { intervalMs: 7, maxMs: 6 * HOUR }],
    [{ recheckMaxMs: HOUR }, { intervalMs: 5 * MINUTE, maxMs: HOUR }],
    [{ recheckIntervalMs: 8 * HOUR }, { intervalMs: 8 * HOUR, maxMs: 8 * HOUR }],
  ])("of %o", (autoExecute, expected) => {
    expect(recheckOf(autoExecute)).toEqual(expected);
  });
});

describe("transitions that are held", () => {
  it.each([
    ["one, longer than the recheck of the others", [hold("two_days", HOUR)], 5 * MINUTE],
    ["one, shorter than the recheck of the others", [hold("two_days", MINUTE)], MINUTE],
    [
      "all: the first to be free",
      [hold("two_days", 3 * HOUR), hold("one_week", HOUR), hold("booking_complete", 2 * HOUR)],
      HOUR,
    ],
    [
      "all, longer than recheck_max",
      ["two_days", "one_week", "booking_complete"].map((name) => hold(name, 100 * HOUR)),
      100 * HOUR,
    ],
    ["one that has ended while the others were asked", [hold("two_days", -SECOND)], -SECOND],
    ["one of another state", [hold("elsewhere", MINUTE)], 5 * MINUTE],
  ])("%s", (_, holds, expected) => {
    expect(sleepMs({ holds })).toBe(expected);
  });

  it("after an error too", () => {
    const change = { cameTo: "ERROR" as const, tries: { noValidCount: 0, errorCount: 5 } };
    expect(sleepMs({ ...change, holds: [hold("two_days", 3 * SECOND)] })).toBe(3 * SECOND);
    expect(sleepMs({ ...change, holds: [hold("two_days", HOUR)] })).toBe(16 * SECOND);
  });
});

describe("jitter", () => {
  const wakeMs = (change: Partial<Unmoved>, random: number) =>
    Number(wakeTimeAfter(unmoved(change), random)?.getTime()) - now.getTime();

  it.each([
    [0, 300_000],
    [0.5, 315_000],
    [1, 330_000],
  ])("of %d only ever makes the sleep longer, by a tenth at most", (random, expected) => {
    expect(wakeMs({}, random)).toBe(expected);
  });

  it("does not move the end of a hold", () => {
    expect(wakeMs({ holds: [hold("two_days", MINUTE)] }, 1)).toBe(MINUTE);
  });
});

describe("never wakes", () => {
  it.each<[string, Partial<Unmoved>]>([
    ["a chain of a type without auto_execute", { chainType: cart }],
    ["a disabled chain", { chain: chain({ disabled: true }) }],
    ["a final chain", { chain: chain({ state: "reminded_once" }) }],
    ["a chain that is done", { chain: chain({ state: "done" }) }],
  ])("%s", (_, change) => {
    expect(sleepMs()).toBe(5 * MINUTE);
    expect(sleepMs({ ...change, holds: [hold("two_days", MINUTE)] })).toBeUndefined();
  });
});

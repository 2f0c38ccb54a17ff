import fc from "fast-check";
import { expect, test } from "vitest";
import { retryDelayMs } from "../../src/domain/retry-delay.ts";

const HOUR_MS = 3_600_000;

test("what may be waited at most doubles with each attempt, from a second up to an hour", () => {
  const most = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 100, 10_000].map((attempts) =>
    retryDelayMs(attempts, 1),
  );
  expect(most).toEqual([
    ...[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048].map((seconds) => seconds * 1000),
    ...[HOUR_MS, HOUR_MS, HOUR_MS, HOUR_MS],
  ]);
});

test("the wait is anything up to that, so that those that failed together do not come back together", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (attempts, random) => {
        expect(retryDelayMs(attempts, random)).toBeCloseTo(random * retryDelayMs(attempts, 1), 6);
      },
    ),
  );
});

test("a receiver is left alone for as long as it asks, up to a day", () => {
  expect(retryDelayMs(1, 0.5, 30_000)).toBe(30_000);
  expect(retryDelayMs(12, 1, 30_000)).toBe(2_048_000);
  expect(retryDelayMs(1, 0, 7 * 24 * HOUR_MS)).toBe(24 * HOUR_MS);
});

import { expect, test } from "vitest";
import { startDueLoop } from "../../src/workers/due-loop.ts";

const HOUR_MS = 3_600_000;

/** A loop of runs that end when the test says so, each with how long to sleep afterwards. */
function startStepped(mostMs: number) {
  const errors: unknown[] = [];
  const ends: { resolve: (waitMs: number) => void; reject: (error: unknown) => void }[] = [];
  const loop = startDueLoop(
    () =>
      new Promise((resolve, reject) => {
        ends.push({ resolve, reject });
      }),
    { leastMs: 0, mostMs, onError: (error) => errors.push(error) },
  );
  return { loop, errors, runs: () => ends.length, end: () => ends[ends.length - 1] };
}

test("runs again when the run before said, but no later than after the longest sleep", async () => {
  const { loop, runs, end } = startStepped(5);
  expect(runs()).toBe(1);
  end()?.resolve(0);
  await expect.poll(runs).toBe(2);
  end()?.resolve(Number.POSITIVE_INFINITY);
  await expect.poll(runs).toBe(3);
  end()?.resolve(0);
  await loop.stop();
});

test("is woken from a long sleep, and once more if it was hastened while it ran", async () => {
  const { loop, runs, end } = startStepped(HOUR_MS);
  end()?.resolve(HOUR_MS);
  await Promise.resolve();
  loop.hasten();
  loop.hasten();
  await expect.poll(runs).toBe(2);
  loop.hasten();
  end()?.resolve(HOUR_MS);
  await expect.poll(runs).toBe(3);
  end()?.resolve(HOUR_MS);
  await loop.stop();
  loop.hasten();
  expect(runs()).toBe(3);
});

test("goes on after a failed run, and tells of it", async () => {
  const { loop, errors, runs, end } = startStepped(5);
  const failure = new Error("the database is away");
  end()?.reject(failure);
  await expect.poll(runs).toBe(2);
  expect(errors).toEqual([failure]);
  end()?.resolve(0);
  await loop.stop();
});

test("a stop waits for the run that is under way", async () => {
  const { loop, runs, end } = startStepped(0);
  let isStopped = false;
  const stopped = loop.stop().then(() => {
    isStopped = true;
  });
  await Promise.resolve();
  expect(isStopped).toBe(false);
  end()?.resolve(0);
  await stopped;
  expect(runs()).toBe(1);
});

import { expect, test } from "vitest";
import { startLoop, type WakeableLoop } from "../../src/workers/loop.ts";

/** A loop whose runs end when they are told to, and that never runs again by itself within the test. */
function openLoop() {
  const runs: PromiseWithResolvers<void>[] = [];
  const errors: unknown[] = [];
  const loop: WakeableLoop = startLoop(
    () => {
      const run = Promise.withResolvers<void>();
      runs.push(run);
      return run.promise;
    },
    { intervalMs: 3_600_000, onError: (error) => errors.push(error) },
  );
  const untilRun = (count: number) => expect.poll(() => runs.length).toBe(count);
  return { loop, runs, errors, untilRun };
}

/** So long that whatever is due has begun. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

test("a loop that is woken runs at once, once for all who wake it", async () => {
  const { loop, runs, untilRun } = openLoop();
  runs[0]?.resolve();
  await turn();
  loop.wake();
  loop.wake();
  await untilRun(2);
  runs[1]?.resolve();
  await turn();
  expect(runs).toHaveLength(2);
  await loop.stop();
});

test("woken during a run, it runs again after it, never beside it", async () => {
  const { loop, runs, untilRun } = openLoop();
  loop.wake();
  loop.wake();
  await turn();
  expect(runs).toHaveLength(1);
  runs[0]?.resolve();
  await untilRun(2);
  runs[1]?.resolve();
  await turn();
  expect(runs).toHaveLength(2);
  await loop.stop();
});

test("a run that fails is told of, and does not end the loop", async () => {
  const { loop, runs, errors, untilRun } = openLoop();
  runs[0]?.reject(new Error("no"));
  loop.wake();
  await untilRun(2);
  expect(errors).toEqual([new Error("no")]);
  runs[1]?.resolve();
  await loop.stop();
});

test("the stop waits for the run under way, and nothing runs after it", async () => {
  const { loop, runs } = openLoop();
  let isStopped = false;
  loop.wake();
  const stopped = loop.stop().then(() => {
    isStopped = true;
  });
  await turn();
  expect(isStopped).toBe(false);
  runs[0]?.resolve();
  await stopped;
  loop.wake();
  await turn();
  expect(runs).toHaveLength(1);
});

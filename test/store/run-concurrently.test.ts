import { expect, test } from "vitest";
import { runConcurrently } from "../../src/engine/run-concurrently.ts";

async function* numbers(count: number) {
  for (let n = 1; n <= count; n++) yield n;
}
const never = new AbortController().signal;

/** Work that ends when the test says so. */
function heldWork() {
  const held = new Map<number, () => void>();
  const started: number[] = [];
  return {
    started,
    run: (item: number) =>
      new Promise<number>((resolve) => {
        started.push(item);
        held.set(item, () => resolve(item));
      }),
    end(...items: readonly number[]) {
      for (const item of items) held.get(item)?.();
    },
  };
}

test("results come in the order of their ends, and one that is slow holds up none", async () => {
  const work = heldWork();
  const results = runConcurrently(numbers(4), { atMost: 2, signal: never }, work.run);
  const first = results.next();
  await expect.poll(() => work.started).toEqual([1, 2]);
  work.end(2);
  expect((await first).value).toBe(2);
  const second = results.next();
  await expect.poll(() => work.started).toEqual([1, 2, 3]);
  work.end(3);
  expect((await second).value).toBe(3);
  const third = results.next();
  await expect.poll(() => work.started).toEqual([1, 2, 3, 4]);
  work.end(4, 1);
  expect([(await third).value, (await results.next()).value].sort()).toEqual([1, 4]);
  expect((await results.next()).done).toBe(true);
});

test("a reader who does not come back starts nothing more, whatever ends meanwhile", async () => {
  const work = heldWork();
  const results = runConcurrently(numbers(10), { atMost: 3, signal: never }, work.run);
  const first = results.next();
  await expect.poll(() => work.started).toEqual([1, 2, 3]);
  work.end(1, 2, 3);
  await first;
  // Those that ended are still untaken: the next one makes room for one.
  await results.next();
  expect(work.started).toEqual([1, 2, 3, 4]);
});

test("a reader who leaves waits for what runs, and nothing new starts", async () => {
  const work = heldWork();
  const results = runConcurrently(numbers(10), { atMost: 2, signal: never }, work.run);
  const first = results.next();
  await expect.poll(() => work.started).toEqual([1, 2]);
  work.end(1);
  await first;
  let isLeft = false;
  const left = results.return().then(() => {
    isLeft = true;
  });
  await new Promise(setImmediate);
  expect(isLeft).toBe(false);
  work.end(2);
  await left;
  expect(work.started).toEqual([1, 2]);
});

test("an aborted signal starts nothing more, though a reader waits, and ends it with its reason", async () => {
  const work = heldWork();
  const caller = new AbortController();
  const results = runConcurrently(numbers(10), { atMost: 2, signal: caller.signal }, work.run);
  const first = results.next();
  await expect.poll(() => work.started).toEqual([1, 2]);
  caller.abort(new Error("gone"));
  work.end(1, 2);
  await expect(first).rejects.toThrow("gone");
  expect(work.started).toEqual([1, 2]);
});

test("items that fail end it after the results of what was started", async () => {
  async function* failing() {
    yield* numbers(2);
    throw new Error("no more");
  }
  const results = runConcurrently(failing(), { atMost: 5, signal: never }, async (item) => item);
  expect([(await results.next()).value, (await results.next()).value]).toEqual([1, 2]);
  await expect(results.next()).rejects.toThrow("no more");
});

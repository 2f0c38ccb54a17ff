import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { usageOf } from "../../bench/measure/process-usage.ts";
import { median, percentile, summarise } from "../../bench/measure/statistics.ts";

test.each([
  [[1], 50, 1],
  [[1, 2], 50, 1],
  [[1, 2, 3, 4], 50, 2],
  [[1, 2, 3, 4], 100, 4],
  [[1, 2, 3, 4], 0, 1],
  [Array.from({ length: 100 }, (_, index) => index + 1), 99, 99],
])("the nearest rank of %j at %i percent is %i", (values, percent, expected) => {
  expect(percentile(values, percent)).toBe(expected);
});

test.each([
  [[3], 3],
  [[3, 1], 2],
  [[9, 1, 5], 5],
  [[4, 1, 3, 2], 2.5],
])("the median of %j is %d", (values, expected) => {
  expect(median(values)).toBe(expected);
});

test("of nothing there is no percentile and no median", () => {
  expect(percentile([], 50)).toBeNaN();
  expect(median([])).toBeNaN();
});

test("rounds are summed up member by member", () => {
  const round = (perSecond: number, p50Ms: number, subject: number) => ({
    perSecond,
    p50Ms,
    p95Ms: 0,
    p99Ms: 0,
    cpuMicros: { subject },
    memoryMb: {},
  });
  const summed = summarise("it", 64, [round(10, 3, 100), round(30, 1, 300), round(20, 9, 200)]);
  expect(summed).toMatchObject({
    subject: "it",
    concurrency: 64,
    spread: [10, 30],
    median: { perSecond: 20, p50Ms: 3, cpuMicros: { subject: 200 } },
  });
});

describe("what a process uses", () => {
  test("its CPU grows as it works, and its memory is that of a program", () => {
    const before = usageOf([process.pid]);
    const started = process.cpuUsage();
    const workedMicros = () => {
      const { user, system } = process.cpuUsage(started);
      return user + system;
    };
    while (workedMicros() < 200_000);
    const after = usageOf([process.pid]);
    // The system counts in hundredths of a second, user and system time apart.
    expect(after.cpuMicros - before.cpuMicros).toBeGreaterThanOrEqual(170_000);
    expect(after.cpuMicros - before.cpuMicros).toBeLessThanOrEqual(workedMicros() + 30_000);
    expect(after.memoryMb).toBeGreaterThan(20);
  });

  test("the work of its children counts, of those too that have ended", async () => {
    const before = usageOf([process.pid]);
    const work = "while (process.cpuUsage().user < 200_000);";
    const child = spawn(process.execPath, ["-e", `${work} process.stdin.resume()`]);
    await expect
      .poll(() => usageOf([child.pid ?? 0]).cpuMicros, { interval: 20, timeout: 20_000 })
      .toBeGreaterThanOrEqual(190_000);
    expect(usageOf([process.pid]).cpuMicros - before.cpuMicros).toBeGreaterThanOrEqual(190_000);
    child.stdin.end();
    await once(child, "exit");
    expect(usageOf([process.pid]).cpuMicros - before.cpuMicros).toBeGreaterThanOrEqual(190_000);
  });

  test("a process and its parent are not counted twice", () => {
    const [whole, both] = [usageOf([process.ppid]), usageOf([process.ppid, process.pid])];
    expect(both.cpuMicros).toBeLessThan(whole.cpuMicros + 100_000);
  });

  test("one that does not exist uses nothing", () => {
    expect(usageOf([2 ** 22 + 1])).toEqual({ cpuMicros: 0, memoryMb: 0 });
  });
});

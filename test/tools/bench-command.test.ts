import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseBenchArguments } from "../../bench/arguments.ts";
import type { Report } from "../../bench/report/report.ts";

const ROOT = join(import.meta.dirname, "../..");
const run = promisify(execFile);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dispatcher-bench-test-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("one figure, in short: measured side by side, its histories counted, written for scripts and as a picture", async () => {
  const files = ["--json", join(folder, "report.json"), "--svg", join(folder, "chart.svg")];
  const options = ["--quick", "--only", "no_step", "--seconds", "0.1", ...files];
  const { stdout } = await run(process.execPath, ["bench/main.ts", ...options], { cwd: ROOT });
  const report = JSON.parse(await readFile(join(folder, "report.json"), "utf8")) as Report;
  expect(report.figures.map(({ name }) => name)).toEqual([
    "get_or_create_hit",
    "get_or_create_miss",
    "no_valid_transition",
    "dry_run",
  ]);
  for (const [index, { measurements, missing }] of report.figures.entries()) {
    const subjects = index === 0 ? ["dispatcher", "echo"] : ["dispatcher"];
    expect(measurements.map(({ subject }) => subject)).toEqual(subjects);
    expect(missing).toEqual([]);
    for (const { median, rounds } of measurements) {
      expect(rounds).toHaveLength(3);
      expect(median.perSecond).toBeGreaterThan(0);
      expect(median.p99Ms).toBeGreaterThanOrEqual(median.p50Ms);
      expect(median.cpuMicros.subject).toBeGreaterThan(0);
    }
  }
  expect(Object.keys(report.ratios)).toEqual(["get_or_create_hit_vs_echo_c64"]);
  expect(stdout).toContain("GetOrCreateChain: the chain is there");
  expect(await readFile(join(folder, "chart.svg"), "utf8")).toContain("<svg");
}, 120_000);

test("what there is to measure is listed, and each of it is described in the README", async () => {
  const { stdout } = await run(process.execPath, ["bench/main.ts", "--list"], { cwd: ROOT });
  const listed = stdout
    .trim()
    .split("\n")
    .map((line) => line.split(" ")[0]);
  expect(listed).toContain("fairness");
  const readme = await readFile(join(ROOT, "bench/README.md"), "utf8");
  const table = readme.slice(readme.indexOf("| `--only` |"), readme.indexOf("With `--quick` there are"));
  expect([...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)).toEqual(listed);
});

test.each([
  [["--only", "speed"], "no figure is called speed: there are execute"],
  [["--fast"], "Unknown option '--fast'"],
  [["--seconds", "0"], '--seconds is "0" but must be a number above 0, at most 600'],
  [["--seconds", "soon"], '--seconds is "soon" but must be a number above 0, at most 600'],
])("%j is refused, and what there is is said", (args, message) => {
  expect(() => parseBenchArguments(args, ["execute"])).toThrow(message);
});

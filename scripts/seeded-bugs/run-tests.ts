import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { ScratchCopy } from "./scratch-copy.ts";

/** What a run of some test files came to. */
export interface TestRun {
  readonly passed: number;
  /** Each with its file; one of a file that could not run stands for the whole file. */
  readonly failed: readonly string[];
  /** The last words, where there is no report: it crashed, or its time was up. */
  readonly crash?: string | undefined;
}

/** The part of Vitest's report in JSON that is read here. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
    }[];
  }[];
}

const KILLED_AFTER_MS = 15_000;

/** Runs test files in the copy; when the time is up or the signal is aborted, everything that they have started is ended. */
export async function runTests(
  { root, folder }: ScratchCopy,
  files: readonly string[],
  { limitMs, signal }: { readonly limitMs: number; readonly signal: AbortSignal },
): Promise<TestRun> {
  const report = join(folder, "report.json");
  await rm(report, { force: true });
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  // What is broken here must not be found in a cache by those who share the packages.
  const caches = ["--no-cache", "--fsModuleCachePath", join(folder, "cache")];
  const child = spawn(
    process.execPath,
    [vitest, "run", "--reporter=json", `--outputFile=${report}`, ...caches, ...files],
    {
      cwd: root,
      env: { ...process.env, TMPDIR: join(folder, "tmp") },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own, with the sidecars and databases that the tests start.
      detached: true,
    },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = `${output}${text}`.slice(-2000);
    });
  }
  const ended = once(child, "exit").then(() => "ended" as const);
  const over = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  const tooLate = over.aborted ? Promise.resolve() : once(over, "abort");
  const end = await Promise.race([ended, tooLate.then(() => "too late" as const)]);
  if (end === "too late") {
    killGroup(child.pid, "SIGTERM");
    await Promise.race([ended, setTimeout(KILLED_AFTER_MS, undefined, { ref: false })]);
  }
  // Also what a test may have left behind.
  killGroup(child.pid, "SIGKILL");
  if (end === "too late") return { passed: 0, failed: [], crash: `not over after ${limitMs / 1000} s` };
  const text = await readFile(report, "utf8").catch(() => undefined);
  return text === undefined
    ? { passed: 0, failed: [], crash: output.trim() }
    : readReport(JSON.parse(text) as Report);
}

export function readReport({ testResults }: Report): TestRun {
  let passed = 0;
  const failed: string[] = [];
  for (const { name, status, assertionResults } of testResults) {
    const file = basename(name, ".test.ts");
    const before = failed.length;
    for (const { ancestorTitles, title, status: result } of assertionResults) {
      if (result === "passed") passed += 1;
      if (result === "failed") failed.push(`${file}: ${[...ancestorTitles, title].join(" › ")}`);
    }
    if (status === "failed" && failed.length === before) failed.push(`${file}: did not run`);
  }
  return { passed, failed };
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // Nobody is left.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

import { join } from "node:path";
import { parseArgs } from "node:util";
import { seededBugs } from "./seeded-bugs/all.ts";
import { runTests } from "./seeded-bugs/run-tests.ts";
import { copyRepository, type ScratchCopy } from "./seeded-bugs/scratch-copy.ts";
import type { SeededBug } from "./seeded-bugs/seeded-bug.ts";
import { type Trial, tryBug } from "./seeded-bugs/trial.ts";
import { trialTable } from "./seeded-bugs/trial-table.ts";

/**
 * Shows that the tests notice when a guard is gone: seeds one bug at a time into a copy of the repository and runs the tests
 * that are to catch it. Ends with 1 unless every bug is caught. See docs/testing.md.
 */
const LIMIT_MS = 8 * 60_000;
/** For all test files at once. */
const ALL_LIMIT_MS = 40 * 60_000;

const { values } = parseArgs({
  options: { only: { type: "string", multiple: true }, list: { type: "boolean", default: false } },
});
const bugs = chosen(values.only);
if (values.list) for (const { name, guard } of bugs) console.log(`${name}: ${guard}`);
else await main();

function chosen(names: readonly string[] | undefined): readonly SeededBug[] {
  if (!names) return seededBugs;
  const unknown = names.filter((name) => !seededBugs.some((bug) => bug.name === name));
  if (unknown.length === 0) return seededBugs.filter(({ name }) => names.includes(name));
  console.error(`There is no bug ${unknown.join(", ")}. --list shows those there are.`);
  process.exit(2);
}

async function main(): Promise<void> {
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => interrupted.abort());
  const copy = await copyRepository(join(import.meta.dirname, ".."));
  try {
    const limits = { limitMs: LIMIT_MS, signal: interrupted.signal };
    const trials = (await isSound(copy, limits)) ? await tryAll(copy, limits) : [];
    if (trials.length > 0) console.log(trialTable(trials));
    const allCaught = trials.length === bugs.length && trials.every(({ result }) => result === "caught");
    process.exitCode = allCaught ? 0 : 1;
  } finally {
    await copy.remove();
  }
}

type Limits = Parameters<typeof runTests>[2];

/** What fails without any bug would seem to catch every one. */
async function isSound(copy: ScratchCopy, limits: Limits): Promise<boolean> {
  const files = [...new Set(bugs.flatMap(({ tests }) => tests))].sort();
  console.error(`${files.length} test files without any bug`);
  const { passed, failed, crash } = await runTests(copy, files, { ...limits, limitMs: ALL_LIMIT_MS });
  if (limits.signal.aborted) return false;
  if (failed.length > 0 || crash !== undefined) {
    console.error(`They fail by themselves, so nothing would be proved:\n${crash ?? failed.join("\n")}`);
    return false;
  }
  console.error(`${passed} tests passed`);
  return true;
}

async function tryAll(copy: ScratchCopy, limits: Limits): Promise<Trial[]> {
  const trials: Trial[] = [];
  for (const [index, bug] of bugs.entries()) {
    const began = performance.now();
    const trial = await tryBug(copy, bug, limits);
    if (limits.signal.aborted) break;
    trials.push(trial);
    const seconds = Math.round((performance.now() - began) / 1000);
    console.error(`[${index + 1}/${bugs.length}] ${bug.name}: ${trial.result} (${seconds} s)`);
    for (const line of trial.why) console.error(`    ${line}`);
  }
  return trials;
}

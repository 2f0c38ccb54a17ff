import { runTests, type TestRun } from "./run-tests.ts";
import type { ScratchCopy } from "./scratch-copy.ts";
import { type SeededBug, seed, staleEdits } from "./seeded-bug.ts";

/** What came of one bug. */
export interface Trial {
  readonly bug: SeededBug;
  readonly result: "caught" | "NOT CAUGHT" | "stale" | "nothing works";
  /** The tests that caught it, or why it was not. */
  readonly why: readonly string[];
}

/** Seeds one bug into the copy, runs the tests that are to catch it, and takes it out again. */
export async function tryBug(
  copy: ScratchCopy,
  bug: SeededBug,
  limits: Parameters<typeof runTests>[2],
): Promise<Trial> {
  const stale = staleEdits(bug, copy.root);
  if (stale.length > 0) {
    return { bug, result: "stale", why: stale.map(({ file }) => `its place in ${file} has moved`) };
  }
  const takeOut = seed(bug, copy.root);
  try {
    return { bug, ...judge(await runTests(copy, bug.tests, limits)) };
  } finally {
    takeOut();
  }
}

/** A bug with which nothing works at all would be caught by any test, and proves none. */
export function judge({ passed, failed, crash }: TestRun): Pick<Trial, "result" | "why"> {
  if (crash !== undefined) return { result: "nothing works", why: [crash] };
  if (failed.length === 0) return { result: "NOT CAUGHT", why: [`${passed} tests passed`] };
  return { result: passed > 0 ? "caught" : "nothing works", why: failed };
}

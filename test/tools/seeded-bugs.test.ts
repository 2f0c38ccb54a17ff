import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seededBugs } from "../../scripts/seeded-bugs/all.ts";
import { readReport } from "../../scripts/seeded-bugs/run-tests.ts";
import { type SeededBug, seed, staleEdits } from "../../scripts/seeded-bugs/seeded-bug.ts";
import { judge } from "../../scripts/seeded-bugs/trial.ts";
import { trialTable } from "../../scripts/seeded-bugs/trial-table.ts";

const ROOT = join(import.meta.dirname, "../..");

describe.each(seededBugs)("$name", (bug) => {
  test("is to be put where its text stands, once", () => {
    expect(bug.edits.length).toBeGreaterThan(0);
    expect(staleEdits(bug, ROOT)).toEqual([]);
    for (const { find, replace } of bug.edits) expect(replace).not.toBe(find);
  });

  test("has tests that are to catch it", () => {
    expect(bug.tests.length).toBeGreaterThan(0);
    expect(bug.tests.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });
});

test("no two have the same name", () => {
  expect(new Set(seededBugs.map(({ name }) => name)).size).toBe(seededBugs.length);
});

describe("a bug", () => {
  const root = mkdtempSync(join(tmpdir(), "dispatcher-seeded-test-"));
  const file = "src/one.ts";
  const path = join(root, file);
  const TEXT = "a();\nb();\nb();\n";
  beforeAll(() => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, TEXT);
  });
  afterAll(() => rmSync(root, { recursive: true }));

  const bug = (...edits: SeededBug["edits"]): SeededBug => ({ name: "x", guard: "y", edits, tests: [] });

  test("is put in with all its edits, as they are written, and taken out again", () => {
    const takeOut = seed(
      bug({ file, find: "a();", replace: "$&;" }, { file, find: "b();\nb();\n", replace: "" }),
      root,
    );
    expect(readFileSync(path, "utf8")).toBe("$&;\n");
    takeOut();
    expect(readFileSync(path, "utf8")).toBe(TEXT);
  });

  test.each([
    ["is not there", file, "c();"],
    ["is there twice", file, "b();"],
    ["is in a file that has gone", "src/two.ts", "a();"],
  ])("is stale if its text %s", (_, where, find) => {
    const edit = { file: where, find, replace: "" };
    expect(staleEdits(bug({ file, find: "a();", replace: "" }, edit), root)).toEqual([edit]);
  });
});

describe("a run of the tests", () => {
  const result = (title: string, status: string) => ({ ancestorTitles: ["a claim"], title, status });
  const report = (status: string, ...assertionResults: ReturnType<typeof result>[]) => ({
    testResults: [{ name: "/x/test/store/claims.test.ts", status, assertionResults }],
  });

  test.each([
    [
      "caught, where some fail and others do not",
      report("failed", result("is taken", "passed"), result("is refused", "failed")),
      { result: "caught", why: ["claims: a claim › is refused"] },
    ],
    [
      "not caught, where all pass",
      report("passed", result("is taken", "passed")),
      { result: "NOT CAUGHT", why: ["1 tests passed"] },
    ],
    [
      "nothing proved, where nothing works any more",
      report("failed", result("is taken", "skipped")),
      { result: "nothing works", why: ["claims: did not run"] },
    ],
  ])("is %s", (_, read, expected) => {
    expect(judge(readReport(read))).toEqual(expected);
  });

  test("is told in a table, whatever its tests are called", () => {
    const bug = { name: "x", guard: "R1: a | b", edits: [], tests: [] };
    const why = ["one: says 'a\nb'", "two: says c", "three: says d"];
    expect(trialTable([{ bug, result: "caught", why }]).split("\n")[2]).toBe(
      "| `x` | R1: a \\| b | caught | one: says 'a b'; two: says c; and 1 more |",
    );
  });
});

describe("the script", () => {
  const run = (...args: string[]) =>
    execFileSync(process.execPath, ["scripts/seeded-bugs.ts", ...args], { cwd: ROOT, encoding: "utf8" });

  test("lists what there is", () => {
    const lines = run("--list", "--only", "error-as-invalid").trim().split("\n");
    expect(lines).toEqual([expect.stringContaining("error-as-invalid: R6")]);
  });

  test("refuses what there is not", () => {
    expect(() => run("--only", "error-as-valid")).toThrow(/There is no bug error-as-valid/);
  });

  test("catches a bug in a copy, and leaves the working tree as it is", { timeout: 120_000 }, () => {
    const before = readFileSync(join(ROOT, "src/domain/chain-key.ts"), "utf8");
    expect(run("--only", "key-without-lengths")).toMatch(/^\| `key-without-lengths` .*\| caught +\|/m);
    expect(readFileSync(join(ROOT, "src/domain/chain-key.ts"), "utf8")).toBe(before);
  });
});

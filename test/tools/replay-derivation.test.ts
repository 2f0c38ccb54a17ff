import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { chainTypeName, deriveChainType } from "../../examples/replay/derive-chain-type.ts";
import { type LogCase, stateOf, stepsOf } from "../../examples/replay/log-case.ts";
import { readXes } from "../../examples/replay/read-xes.ts";
import { surveyLog } from "../../examples/replay/survey-log.ts";
import { checkChainType } from "../../src/domain/check-chain-type.ts";
import { writeGeneratedLog } from "../support/event-log.ts";

async function* casesOf(...all: readonly (readonly string[])[]): AsyncGenerator<LogCase> {
  let trace = 0;
  for (const activities of all) yield { trace: ++trace, name: `case ${trace}`, activities };
}

describe("the chain type of a log", () => {
  it("has a state per activity, and exits in the order of how often they follow, then by name", async () => {
    const log = casesOf(["a", "b"], ["a", "c"], ["a", "b", "b"], ["c", "a"], []);

    const chainType = deriveChainType("log", await surveyLog(log));

    expect(chainType.states).toEqual([
      { name: "new", transitions: ["a", "c", "done"] },
      { name: "a", transitions: ["b", "c", "done"] },
      { name: "b", transitions: ["done", "b"] },
      { name: "c", transitions: ["a", "done"] },
    ]);
    expect(chainType.transitions).toEqual(
      ["a", "c", "done", "b"].map((name) => ({ name, finalState: name })),
    );
  });

  it("keeps activities apart that are called as the states of every chain type", async () => {
    const log = casesOf(["new", "done", "activity done", "New"]);

    const chainType = deriveChainType("log", await surveyLog(log));

    expect(chainType.states?.map(({ name }) => name)).toEqual([
      "new",
      "activity new",
      "activity done",
      "activity activity done",
      "New",
    ]);
  });

  it.each([
    [["a"]],
    [["new", "done"]],
    [Array.from({ length: 255 }, (_, index) => `activity ${index}`)],
    [[]],
  ])("passes the sidecar's own check of a definition", async (activities) => {
    const { transitions = [], states = [] } = deriveChainType("log", await surveyLog(casesOf(activities)));

    const problems = checkChainType({
      name: "log",
      transitions: transitions.map(({ name = "", finalState = "" }) => ({
        name,
        finalState,
        onError: "STOP",
      })),
      states: states.map(({ name = "", transitions: exits = [] }) => ({ name, transitions: exits })),
      evaluation: "SEQUENTIAL",
    });

    expect(problems).toEqual([]);
  });

  it("is refused for a log that has no traces", async () => {
    await expect(surveyLog(casesOf())).rejects.toThrow(/no traces/);
  });

  it("is refused for more activities than a chain type has states", async () => {
    const log = casesOf(Array.from({ length: 256 }, (_, index) => `activity ${index}`));
    await expect(surveyLog(log)).rejects.toThrow(/more than 255 activities/);
  });

  it("is refused for more exits than a state may have", async () => {
    const follows = (count: number) =>
      casesOf(...Array.from({ length: count }, (_, index) => ["a", `b${index}`]));
    expect((await surveyLog(follows(64))).cases).toBe(64);
    await expect(surveyLog(follows(65))).rejects.toThrow(/more than 64 activities follow "a"/);
  });
});

describe("the name of the chain type", () => {
  it.each([
    ["/logs/receipt.xes.gz", "receipt-0123456789ab"],
    ["a log (1).XES", "a-log-1--0123456789ab"],
    ["/logs/.xes", "log-0123456789ab"],
    [`${"n".repeat(240)}.xes`, `${"n".repeat(100)}-0123456789ab`],
  ])("of %s is %s", (path, name) => {
    expect(chainTypeName(path, "0123456789abcdef")).toBe(name);
  });

  it("differs for logs that differ in anything that is replayed", async () => {
    const logs = [[["a"]], [["a", "a"]], [["a"], []], [["b"]], [["a", "b"]], [["a"], ["b"]]];
    const digests = await Promise.all(logs.map(async (log) => (await surveyLog(casesOf(...log))).digest));
    expect(new Set(digests).size).toBe(logs.length);
    expect((await surveyLog(casesOf(["a"]))).digest).toBe(digests[0]);
  });
});

describe("the steps of a case", () => {
  it("end in done", () => {
    expect(stepsOf({ trace: 1, activities: ["a", "done"] })).toEqual(["a", "activity done", "done"]);
    expect(stepsOf({ trace: 1, activities: [] })).toEqual(["done"]);
  });

  it("never let two activities share a state", () => {
    const activities = [
      "new",
      "done",
      "activity new",
      "activity done",
      "activity activity new",
      "activity",
      "anew",
    ];
    expect(new Set(activities.map(stateOf)).size).toBe(activities.length);
  });
});

it("a log of 260,000 events is surveyed in flat memory", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dispatcher-replay-"));
  try {
    const path = join(folder, "big.xes.gz");
    const events = await writeGeneratedLog(path, { cases: 13_000, eventsPerCase: 20, seed: 1 });
    const heap: number[] = [];
    async function* watched() {
      for await (const logCase of readXes(path)) {
        if (logCase.trace % 2000 === 0) heap.push(heapAfterCollection());
        yield logCase;
      }
    }

    const survey = await surveyLog(watched());

    expect(survey).toMatchObject({ cases: 13_000, events });
    expect(events).toBeGreaterThan(250_000);
    // Keeping the events would take some 20 MB; one piece of the file and its cases take less than one.
    expect(Math.max(...heap) - Math.min(...heap)).toBeLessThan(3e6);
  } finally {
    await rm(folder, { recursive: true });
  }
});

function heapAfterCollection(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

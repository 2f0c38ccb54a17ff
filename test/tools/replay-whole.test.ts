import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestDatabase } from "../support/database.ts";
import { writeGeneratedLog, xesOf } from "../support/event-log.ts";
import { type RecordedMoves, recordedMoves } from "../support/recorded-moves.ts";
import { type ReplayExit, resultOf, startReplay } from "../support/replay-process.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";

let folder: string;
let moves: RecordedMoves;
let sidecar: Sidecar;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dispatcher-replay-"));
  const databaseUrl = await createTestDatabase();
  moves = await recordedMoves(databaseUrl);
  sidecar = await startSidecar({ databaseUrl });
});
afterAll(async () => {
  await sidecar.stop();
  await moves.close();
  await rm(folder, { recursive: true });
});

async function fileOf(name: string, traces: Readonly<Record<string, readonly string[]>>): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, xesOf(traces));
  return path;
}

function replay(file: string, ...options: readonly string[]): Promise<ReplayExit> {
  return startReplay(["--address", sidecar.grpc, ...options, file], folder).exit;
}

describe("a whole replay", { timeout: 180_000 }, () => {
  it("of a log with every oddity that is allowed has no mismatch", async () => {
    const long = "é".repeat(127);
    const file = await fileOf("odd.xes", {
      empty: [],
      reserved: ["new", "done", "activity new", "new"],
      loop: ["a", "a", "a", "b", "a"],
      [long]: [long, "\u{1F600} & <b>", '"quoted"', "step 1"],
      "": ["a"],
    });

    const startedAt = performance.now();
    const exit = await replay(file);
    const seconds = (performance.now() - startedAt) / 1000;

    expect(exit.stderr).not.toContain("mismatch");
    expect(resultOf(exit)).toEqual({
      cases: 5,
      events: 14,
      transitions: 19,
      mismatches: 0,
      executes_per_s: expect.any(Number),
    });
    expect(resultOf(exit)["executes_per_s"]).toBeGreaterThan(19 / seconds);
    expect(exit.code).toBe(0);
  });

  it("of as many activities and exits as a chain type may have has no mismatch", async () => {
    const file = await fileOf("wide.xes", {
      ...Object.fromEntries(
        Array.from({ length: 64 }, (_, index) => [`case ${index}`, ["hub", `spoke ${index}`]]),
      ),
      long: Array.from({ length: 190 }, (_, index) => `activity ${index}`),
    });
    expect(resultOf(await replay(file))).toMatchObject({
      cases: 65,
      events: 318,
      transitions: 383,
      mismatches: 0,
    });
  });

  it("can be done again: it is a new run, with chains of its own", async () => {
    const file = await fileOf("again.xes", { one: ["a", "b"], two: ["b"] });
    const before = await moves.count();

    expect(resultOf(await replay(file))).toMatchObject({ transitions: 5, mismatches: 0 });
    expect(resultOf(await replay(file))).toMatchObject({ transitions: 5, mismatches: 0 });

    expect((await moves.count()) - before).toBe(10);
  });

  it("that is resumed after its end moves nothing", async () => {
    const file = await fileOf("resumed.xes", { one: ["a", "b", "c"] });
    await replay(file);
    const before = await moves.count();

    const exit = await replay(file, "--resume");

    expect(resultOf(exit)).toEqual({ cases: 1, events: 3, transitions: 4, mismatches: 0, executes_per_s: 0 });
    expect(await moves.count()).toBe(before);
  });

  it("that is resumed before it ever began begins, and says so", async () => {
    const file = await fileOf("unknown.xes", { one: ["a", "z"] });
    const exit = await replay(file, "--resume");
    expect(exit.stderr).toContain("there is no earlier replay of this log to resume");
    expect(resultOf(exit)).toMatchObject({ transitions: 3, mismatches: 0 });
  });

  it("finds the one history that somebody changed, and exits with 1", async () => {
    const file = await fileOf("tampered.xes", { one: ["t1", "t2"], two: ["t1", "t3"], three: ["t2", "t1"] });
    expect((await replay(file)).code).toBe(0);
    expect(await moves.tamper("final_state = 't2'", "final_state = 't3'")).toBe(1);

    const exit = await replay(file, "--resume");

    expect(exit.code).toBe(1);
    expect(resultOf(exit)).toMatchObject({ transitions: 9, mismatches: 1 });
    expect(exit.stderr).toContain(
      'mismatch: trace 2 "two": move 2: expected a transition from "t1" to "t3", found a transition from "t1" to "t2"\n',
    );
  });

  it("shows 20 mismatches and counts them all", async () => {
    const file = join(folder, "many.xes.gz");
    await writeGeneratedLog(file, { cases: 30, eventsPerCase: 2, seed: 3 });
    expect((await replay(file)).code).toBe(0);
    const generated = "final_state like 'A%a generated activity' and version = 1";
    expect(await moves.tamper("final_state = 'elsewhere'", generated)).toBe(30);

    const exit = await replay(file, "--resume", "--quiet");

    expect(resultOf(exit)).toMatchObject({ mismatches: 30 });
    expect(exit.stderr.match(/mismatch: /g)).toHaveLength(20);
  });
});

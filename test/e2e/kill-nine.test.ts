import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTestDatabase } from "../support/database.ts";
import { writeGeneratedLog } from "../support/event-log.ts";
import { type RecordedMoves, recordedMoves } from "../support/recorded-moves.ts";
import { type ReplayExit, type ReplayProcess, resultOf, startReplay } from "../support/replay-process.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";

const CASES = 100;
/** Enough for a machine that is busy with other tests. */
const TIMEOUT_MS = 240_000;

let folder: string;
let log: string;
let events: number;
let databaseUrl: string;
let moves: RecordedMoves;
let sidecar: Sidecar;
let replays: ReplayProcess[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dispatcher-kill-"));
  log = join(folder, "log.xes.gz");
  events = await writeGeneratedLog(log, { cases: CASES, eventsPerCase: 20, seed: 9 });
  databaseUrl = await createTestDatabase();
  moves = await recordedMoves(databaseUrl);
  sidecar = await startSidecar({ databaseUrl });
  replays = [];
});

afterEach(async () => {
  for (const replay of replays) replay.kill("SIGKILL");
  await sidecar.kill();
  await moves.close();
  await rm(folder, { recursive: true });
});

function replay(...options: readonly string[]): ReplayProcess {
  const started = startReplay(["--address", sidecar.grpc, ...options, log], folder);
  replays.push(started);
  return started;
}

/** Some of the moves have been made, and by far not all. */
async function middleOfReplay(): Promise<number> {
  const made = await moves.reach(150);
  expect(made).toBeLessThan((events + CASES) / 2);
  return made;
}

function expectWholeLog(exit: ReplayExit): void {
  expect(exit.stderr).not.toContain("mismatch");
  expect(exit.code).toBe(0);
  expect(resultOf(exit)).toMatchObject({ cases: CASES, events, transitions: events + CASES, mismatches: 0 });
}

describe("histories still match the log", { timeout: TIMEOUT_MS }, () => {
  it("when the sidecar is killed in the middle of a replay, started again, and the replay resumed", async () => {
    const interrupted = replay("--wait", "0");
    await middleOfReplay();
    await sidecar.kill();
    const exit = await interrupted.exit;
    expect(exit.code).toBe(2);
    expect(exit.stderr).toMatch(/replay: (Execute|GetOrCreateChain) at 127.0.0.1:\d+: /);
    expect(exit.stdout).toBe("");
    const before = await moves.ids();
    expect(before.length).toBeLessThan(events + CASES);

    sidecar = await startSidecar({ databaseUrl, succeeds: sidecar });
    const resumed = await replay("--resume").exit;

    expectWholeLog(resumed);
    const after = new Set(await moves.ids());
    expect(after.size).toBe(events + CASES);
    expect(before.filter((id) => !after.has(id))).toEqual([]);
  });

  it("when the sidecar is killed and started again twice while the replay waits for it", async () => {
    const waiting = replay();
    let seen = await middleOfReplay();
    for (const _ of [1, 2]) {
      await sidecar.kill();
      const atKill = await moves.count();
      expect(atKill).toBeLessThan(events + CASES);
      sidecar = await startSidecar({ databaseUrl, succeeds: sidecar });
      seen = await moves.reach(Math.max(seen, atKill) + 50);
    }

    const exit = await waiting.exit;

    expectWholeLog(exit);
    expect(exit.stderr).toContain("trying again: Execute at");
    expect(await moves.count()).toBe(events + CASES);
  });

  it("when the replay itself is killed and resumed, twice", async () => {
    const first = replay();
    const made = await middleOfReplay();
    first.kill("SIGKILL");
    expect((await first.exit).code).toBeNull();
    const second = replay("--resume");
    await moves.reach(made + 150);
    second.kill("SIGKILL");
    expect((await second.exit).code).toBeNull();
    const left = events + CASES - (await moves.count());
    expect(left).toBeGreaterThan(0);

    expectWholeLog(await replay("--resume").exit);
    expect(await moves.count()).toBe(events + CASES);
  });
});

import { setTimeout } from "node:timers/promises";
import { onServer } from "../stage/database.ts";
import type { OpenStage } from "../stage/stage.ts";
import { usageOf } from "./process-usage.ts";
import type { Figure, Measurement, Missing, Sample } from "./sample.ts";
import { percentile, summarise } from "./statistics.ts";
import { type LoadResult, NotInstalled, type Role, type RunningSubject, type Subject } from "./subject.ts";

export interface Comparison {
  readonly name: string;
  readonly title: string;
  readonly entrants: readonly Entrant[];
}

export interface Entrant {
  readonly subject: Subject;
  readonly concurrencies: readonly number[];
}

/** How long and how often, for all figures of one run of the bench. */
export interface Effort {
  /** Measured runs of each subject at each concurrency. */
  readonly rounds: number;
  /** Of each measured run, about. */
  readonly seconds: number;
  /** Operations before anything is measured, which the compilers of the subjects need. */
  readonly warmUp: number;
}

/** What the one before has left to do (its last answers, the statistics of its database) is not the next one's. */
const SETTLE_MS = 100;

/** Puts all subjects under load in turn (A B A B), so that what else the machine does meets each of them alike. */
export async function compare(
  { name, title, entrants }: Comparison,
  stage: OpenStage,
  effort: Effort,
  tell: (line: string) => void,
): Promise<Figure> {
  const missing: Missing[] = [];
  const running: (Entrant & { readonly run: RunningSubject })[] = [];
  const measurements: Measurement[] = [];
  try {
    for (const entrant of entrants) {
      const { subject } = entrant;
      try {
        const run = await subject.start(stage);
        running.push({ ...entrant, run });
        await warmUp(run, effort);
      } catch (error) {
        if (!(error instanceof NotInstalled)) throw error;
        missing.push({ subject: subject.name, why: error.message });
        tell(`${name}: ${subject.name} is left out: ${error.message}`);
      }
    }
    const concurrencies = new Set(entrants.flatMap((entrant) => entrant.concurrencies));
    for (const concurrency of [...concurrencies].sort((a, b) => a - b)) {
      const compared = running.filter((entrant) => entrant.concurrencies.includes(concurrency));
      const operations = new Map<string, number>();
      for (const { subject, run } of compared) {
        const count = await calibrate(run, concurrency, effort);
        operations.set(subject.name, count);
        await run.prepare(count * effort.rounds);
      }
      // What preparing has left to write must not be counted against what is measured.
      await onServer(stage.databaseUrl, "checkpoint");
      const rounds = new Map<string, Sample[]>();
      let before: RunningSubject | undefined;
      for (let round = 0; round < effort.rounds; round += 1) {
        // To and fro, so that nobody always comes after the same one.
        for (const { subject, run } of round % 2 === 0 ? compared : compared.toReversed()) {
          const load = { operations: operations.get(subject.name) ?? 0, concurrency };
          const samples = rounds.get(subject.name) ?? [];
          if (run !== before) await setTimeout(SETTLE_MS);
          before = run;
          samples.push(await measure(run, stage, load));
          rounds.set(subject.name, samples);
        }
      }
      for (const [subject, samples] of rounds) {
        const measurement = summarise(subject, concurrency, samples);
        measurements.push(measurement);
        const { perSecond, p50Ms } = measurement.median;
        tell(`${name} c=${concurrency} ${subject}: ${Math.round(perSecond)}/s, p50 ${p50Ms.toFixed(2)} ms`);
      }
    }
    for (const { run } of running) await run.verify();
    const guarantees = Object.fromEntries(running.map(({ subject }) => [subject.name, subject.guarantees]));
    return { name, title, guarantees, measurements, missing };
  } finally {
    await Promise.allSettled(running.map(({ run }) => run.stop()));
  }
}

const WARM_UP_CONCURRENCY = 64;

async function warmUp(run: RunningSubject, { warmUp: operations, seconds }: Effort): Promise<void> {
  // A slow subject needs no more than a while of it.
  const first = Math.min(operations, 200);
  await run.prepare(first);
  const { seconds: took } = await run.run({ operations: first, concurrency: WARM_UP_CONCURRENCY });
  const rest = Math.min(operations - first, Math.round((first / took) * seconds * 2));
  if (rest <= 0) return;
  await run.prepare(rest);
  await run.run({ operations: rest, concurrency: WARM_UP_CONCURRENCY });
}

/** As many operations as take about the wanted time. */
async function calibrate(run: RunningSubject, concurrency: number, { seconds }: Effort): Promise<number> {
  const trial = Math.max(20, 4 * concurrency);
  await run.prepare(trial);
  const { seconds: took } = await run.run({ operations: trial, concurrency });
  return Math.max(trial, Math.round((trial / took) * seconds));
}

async function measure(
  run: RunningSubject,
  stage: OpenStage,
  load: { readonly operations: number; readonly concurrency: number },
): Promise<Sample> {
  const processes: Partial<Record<Role, readonly number[]>> = { ...stage.processes, ...run.processes };
  const roles = Object.entries(processes) as [Role, readonly number[]][];
  const before = roles.map(([, pids]) => usageOf(pids));
  const result = await run.run(load);
  const cpuMicros: Partial<Record<Role, number>> = {};
  const memoryMb: Partial<Record<Role, number>> = {};
  for (const [index, [role, pids]] of roles.entries()) {
    const after = usageOf(pids);
    cpuMicros[role] = (after.cpuMicros - (before[index]?.cpuMicros ?? 0)) / result.operations;
    memoryMb[role] = after.memoryMb;
  }
  if (result.loadCpuMicros !== undefined) cpuMicros.load = result.loadCpuMicros / result.operations;
  return { perSecond: result.operations / result.seconds, ...percentilesOf(result), cpuMicros, memoryMb };
}

function percentilesOf({ latenciesMs }: LoadResult): Pick<Sample, "p50Ms" | "p95Ms" | "p99Ms"> {
  const sorted = Float64Array.from(latenciesMs).sort();
  return { p50Ms: percentile(sorted, 50), p95Ms: percentile(sorted, 95), p99Ms: percentile(sorted, 99) };
}

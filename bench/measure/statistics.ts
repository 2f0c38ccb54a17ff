import type { Measurement, Sample } from "./sample.ts";
import type { Role } from "./subject.ts";

/** The nearest-rank percentile of ascending values; NaN of none. */
export function percentile(ascending: ArrayLike<number>, percent: number): number {
  const rank = Math.ceil((percent / 100) * ascending.length);
  return ascending[Math.max(0, rank - 1)] ?? Number.NaN;
}

/** The middle value, or the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const ascending = values.toSorted((a, b) => a - b);
  const upper = ascending.length >> 1;
  const middle = ascending.length % 2 === 1 ? [ascending[upper]] : [ascending[upper - 1], ascending[upper]];
  return middle.reduce<number>((sum, value) => sum + (value ?? Number.NaN), 0) / middle.length;
}

/** What rounds came to, each member by its own median: a disturbed round then spoils none of them. */
export function summarise(subject: string, concurrency: number, rounds: readonly Sample[]): Measurement {
  const rates = rounds.map(({ perSecond }) => perSecond);
  const middle = (pick: (round: Sample) => number) => median(rounds.map(pick));
  return {
    subject,
    concurrency,
    rounds,
    median: {
      perSecond: middle(({ perSecond }) => perSecond),
      p50Ms: middle(({ p50Ms }) => p50Ms),
      p95Ms: middle(({ p95Ms }) => p95Ms),
      p99Ms: middle(({ p99Ms }) => p99Ms),
      cpuMicros: byRole(rounds.map(({ cpuMicros }) => cpuMicros)),
      memoryMb: byRole(rounds.map(({ memoryMb }) => memoryMb)),
    },
    spread: [Math.min(...rates), Math.max(...rates)],
  };
}

function byRole(rounds: readonly Sample["cpuMicros"][]): Sample["cpuMicros"] {
  const roles = new Set(rounds.flatMap((round) => Object.keys(round) as Role[]));
  return Object.fromEntries(
    [...roles].map((role) => [role, median(rounds.map((round) => round[role] ?? Number.NaN))]),
  );
}

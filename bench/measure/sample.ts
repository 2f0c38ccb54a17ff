import type { Role } from "./subject.ts";

/** One measured run of one subject. */
export interface Sample {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Microseconds of CPU for each operation. */
  readonly cpuMicros: Readonly<Partial<Record<Role, number>>>;
  /** Resident memory after the run. */
  readonly memoryMb: Readonly<Partial<Record<Role, number>>>;
}

/** What the rounds of one subject at one concurrency came to. */
export interface Measurement {
  readonly subject: string;
  readonly concurrency: number;
  readonly rounds: readonly Sample[];
  /** Of the rounds, member by member. */
  readonly median: Sample;
  /** Lowest and highest rate of the rounds. */
  readonly spread: readonly [lowest: number, highest: number];
}

/** One row of a figure that could not be measured. */
export interface Missing {
  readonly subject: string;
  readonly why: string;
}

/** A figure: what was compared, side by side in one run. */
export interface Figure {
  /** As in `--only`. */
  readonly name: string;
  readonly title: string;
  /** What each subject holds for the calls that it answers, by its name. */
  readonly guarantees: Readonly<Record<string, string>>;
  readonly measurements: readonly Measurement[];
  readonly missing: readonly Missing[];
}

/** A figure of one number, such as a start-up time. */
export interface Scalar {
  readonly name: string;
  readonly title: string;
  readonly value: number;
  readonly unit: "ms" | "MB" | "%";
}

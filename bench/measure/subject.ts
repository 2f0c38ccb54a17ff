/** What takes part in a measurement, for whose CPU and memory it is told apart. */
export type Role = "subject" | "validator" | "database" | "load";

/** What every subject finds when it starts. */
export interface Stage {
  /** The bench's PostgreSQL, as its superuser: each subject makes a database or a schema of its own. */
  readonly databaseUrl: string;
  /** `grpc://127.0.0.1:port` of the validator that answers VALID at once. */
  readonly validatorUrl: string;
}

/** A system, or a way to run one, that is put under load beside others. */
export interface Subject {
  readonly name: string;
  /** One sentence: what holds for every call that it has answered. */
  readonly guarantees: string;
  /** @throws NotInstalled where it cannot be had on this machine */
  start(stage: Stage): Promise<RunningSubject>;
}

export interface RunningSubject {
  /** Root processes; their descendants count too. What is not named here is measured by the bench itself. */
  readonly processes: Partial<Record<Role, readonly number[]>>;
  /** Makes what so many operations need (chains, rows, keys), outside the measured time. */
  prepare(operations: number): Promise<void>;
  /** Carries out so many prepared operations, `concurrency` at a time, each on a chain of its own. */
  run(load: Load): Promise<LoadResult>;
  /** Counts what was kept, and throws if that is not what was answered. */
  verify(): Promise<void>;
  stop(): Promise<void>;
}

export interface Load {
  readonly operations: number;
  readonly concurrency: number;
}

export interface LoadResult {
  readonly operations: number;
  readonly seconds: number;
  /** One for each operation, in any order. */
  readonly latenciesMs: Float64Array | readonly number[];
  /** CPU of the load generator, if it runs inside a process that does other things too. */
  readonly loadCpuMicros?: number;
}

/** A system that this machine lacks, and how to get it. */
export class NotInstalled extends Error {
  override readonly name = "NotInstalled";
}

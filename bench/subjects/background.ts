import { setTimeout } from "node:timers/promises";
import type pg from "pg";
import { startLoad } from "../load/load-client.ts";
import type { BenchSidecar } from "../stage/sidecar.ts";
import type { Work } from "./work.ts";

/** Calls that a process of its own keeps open, whatever is measured meanwhile. */
export interface BackgroundOptions {
  /** Its chain type is not the measured calls'. */
  readonly work: Work;
  /** Whom these calls alone ask. */
  readonly validatorUrl: string;
  readonly concurrency: number;
  /** More than are answered until the last measured call. */
  readonly operations: number;
}

export interface Background {
  /**
   * Begins no more and waits for the open ones. Returns how many were answered in all.
   *
   * @throws Error if one failed, or if they have ended before this: something was then measured without them
   */
  finish(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts them and waits for the first answer: all are under way then. */
export async function startBackground(
  { work, concurrency, operations }: BackgroundOptions,
  client: pg.Client,
  sidecar: BenchSidecar,
): Promise<Background> {
  const load = await startLoad({ port: sidecar.grpcPort, path: work.path });
  await load.prepare(await work.prepare(client, operations));
  const result = load.run({ operations, concurrency });
  // Whoever finishes them hears of it.
  result.catch(() => undefined);
  try {
    await Promise.race([firstStep(client, work.chainType.name), result]);
  } catch (error) {
    await load.stop();
    throw error;
  }
  return {
    async finish() {
      load.finish();
      const { operations: answered } = await result;
      if (answered === operations)
        throw new Error("the calls in the background ended before the measured ones");
      return answered;
    },
    stop: load.stop,
  };
}

const PATIENCE_MS = 10_000;
const LOOK_EVERY_MS = 20;

async function firstStep(client: pg.Client, chainType: string): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const { rowCount } = await client.query(
      "select from dispatcher.chain where chain_type = $1 and version > 0 limit 1",
      [chainType],
    );
    if (rowCount) return;
    if (performance.now() > until) throw new Error(`no chain of type ${chainType} has moved`);
    await setTimeout(LOOK_EVERY_MS);
  }
}

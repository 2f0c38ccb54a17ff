import type { Database } from "../store/database.ts";
import { type OutboxFigures, readOutboxFigures } from "../store/outbox-figures.ts";
import { type Loop, startLoop } from "./loop.ts";

const INTERVAL_MS = 15_000;

/** Tells regularly how the outbox stands; nothing while that cannot be read. */
export function startOutboxWatch(
  database: Database,
  {
    onFigures,
    onError,
  }: {
    readonly onFigures: (figures: OutboxFigures | undefined) => void;
    readonly onError: (error: unknown) => void;
  },
): Loop {
  const runOnce = async () => onFigures(await readOutboxFigures(database));
  return startLoop(runOnce, {
    intervalMs: INTERVAL_MS,
    onError(error) {
      onFigures(undefined);
      onError(error);
    },
  });
}

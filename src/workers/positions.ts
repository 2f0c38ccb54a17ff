import type { EventFeed } from "../engine/event-feed.ts";
import { type Loop, startLoop } from "./loop.ts";

/** What no sidecar was hastened to is given its position within this time. */
const INTERVAL_MS = 1000;
/** Commits within this time after the first share a run. */
const GATHER_MS = 20;

export interface Positions extends Loop {
  /** Events have been written here: if somebody watches, they are given their positions at once. */
  hasten(): void;
}

/** Gives positions to events, and hands them to those who watch. `onError` is told of the first of several failures in a row. */
export function startPositions(feed: EventFeed, onError: (error: unknown) => void): Positions {
  let isFailing = false;
  let tookMs = 0;
  let gathering: NodeJS.Timeout | undefined;
  let isStopped = false;
  let hastened: Promise<void> = Promise.resolve();

  const runOnce = async () => {
    const startedMs = performance.now();
    try {
      await feed.advance();
      isFailing = false;
    } catch (error) {
      if (!isFailing) onError(error);
      isFailing = true;
    } finally {
      tookMs = performance.now() - startedMs;
    }
  };
  const loop = startLoop(runOnce, { intervalMs: INTERVAL_MS, onError });

  return {
    hasten() {
      if (gathering || isStopped || !feed.isWatched) return;
      // A database that takes long for it is left alone for as long.
      gathering = setTimeout(
        () => {
          gathering = undefined;
          hastened = runOnce();
        },
        Math.max(GATHER_MS, tookMs),
      );
    },
    async stop() {
      isStopped = true;
      clearTimeout(gathering);
      await Promise.all([loop.stop(), hastened]);
    },
  };
}

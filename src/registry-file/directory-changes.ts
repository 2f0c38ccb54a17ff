import { type FSWatcher, watch } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** Tells when something may have changed in a directory. */
export interface DirectoryChanges {
  /** Resolves at the next change (or at once, if there was one since the last call), after `timeoutMs` or on abort. */
  next(timeoutMs: number): Promise<void>;
}

/**
 * Watches a directory until the signal is aborted. Where the system cannot (no such directory, a network file system, no
 * watches left), only the timeouts remain.
 */
export function watchDirectory(path: string, signal: AbortSignal): DirectoryChanges {
  let changed = false;
  let waiting = new AbortController();
  const notice = () => {
    changed = true;
    waiting.abort();
  };
  const watcher = tryToWatch(path, notice);
  signal.addEventListener("abort", () => {
    watcher?.close();
    waiting.abort();
  });
  return {
    async next(timeoutMs) {
      if (signal.aborted) return;
      waiting = new AbortController();
      if (!changed) await pause(timeoutMs, waiting.signal);
      changed = false;
    },
  };
}

/** Waits, or until the signal is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}

function tryToWatch(path: string, notice: () => void): FSWatcher | undefined {
  try {
    return watch(path, notice).on("error", () => undefined);
  } catch {
    return undefined;
  }
}

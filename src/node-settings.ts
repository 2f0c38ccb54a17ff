import { findPackageJSON } from "node:module";
import { dirname, join } from "node:path";

/**
 * Keeps the memory of a sidecar small. None of them caps the heap: what is in use may grow as before, only garbage may not.
 * docs/performance.md has what they save and cost.
 */
const flags = [
  // The young generation grows to four times as much by default, whatever is in use.
  "--max-semi-space-size=8",
  // The old one is collected when it has grown by half since the last time, and not only at several times its size.
  "--heap-growing-percent=50",
  // What lives as long as a call is soon taken for long-lived, and would go straight to the old generation.
  "--no-allocation-site-pretenuring",
];

/**
 * Starts this process again as Node is to run it, which can only be said at its start: same pid, same streams. It is left as it
 * is where the size of the young generation is set already, by us or by whoever started it.
 *
 * From the second start on, compiled code comes from the first one. It lies with the dependencies, where only those can write
 * who can change the code itself; where nobody can, nothing is kept.
 */
export function restartWithNodeSettings(environment: Readonly<Record<string, string | undefined>>): void {
  const given = [...process.execArgv, environment["NODE_OPTIONS"] ?? ""].join(" ");
  if (/max[-_]semi[-_]space[-_]size/.test(given)) return;
  const manifest = findPackageJSON(import.meta.url);
  const kept = manifest && join(dirname(manifest), "node_modules/.cache/dispatcher");
  try {
    process.execve?.(
      process.execPath,
      [process.execPath, ...process.execArgv, ...flags, ...process.argv.slice(1)],
      { ...(kept && { NODE_COMPILE_CACHE: kept }), ...environment },
    );
  } catch {
    // Not on this platform: it takes more time and memory, and works.
  }
}

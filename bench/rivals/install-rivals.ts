import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { NotInstalled } from "../measure/subject.ts";

/** Where the packages are. */
export const RIVALS = import.meta.dirname;

let installing: Promise<void> | undefined;

/**
 * Installs what this folder's lock file says, if that has not been done since it changed: some 240 MB.
 *
 * @throws NotInstalled with npm's words
 */
export function installRivals(): Promise<void> {
  installing ??= install();
  return installing;
}

async function install(): Promise<void> {
  const installed = await changeTime("node_modules/.package-lock.json");
  if (installed !== undefined && installed >= ((await changeTime("package-lock.json")) ?? 0)) return;
  process.stderr.write("installing Restate and DBOS into bench/rivals/node_modules, once\n");
  await promisify(execFile)("npm", ["ci", "--prefix", RIVALS], { cwd: RIVALS }).catch(
    ({ stderr, message }) => {
      const why = String(stderr || message)
        .split("\n")
        .slice(-5)
        .join(" ")
        .trim();
      throw new NotInstalled(`"npm ci --prefix bench/rivals" failed: ${why}`);
    },
  );
}

function changeTime(name: string): Promise<number | undefined> {
  return stat(join(RIVALS, name)).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}

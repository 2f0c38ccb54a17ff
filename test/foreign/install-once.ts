import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";

const CACHE = join(import.meta.dirname, "../../node_modules/.cache/foreign");

/**
 * Returns the folder that `install` filled in this run or an earlier one. The versions are its key, so that a new pin
 * means a new install. It is moved into place when complete: an interrupted install leaves nothing that looks whole.
 */
export async function installOnce(
  name: string,
  versions: readonly string[],
  install: (folder: string) => Promise<void>,
): Promise<string> {
  const key = createHash("sha256").update(versions.join("\0")).digest("hex").slice(0, 16);
  const folder = join(CACHE, `${name}-${key}`);
  if (existsSync(folder)) return folder;

  await mkdir(CACHE, { recursive: true });
  const unfinished = await mkdtemp(join(CACHE, `unfinished-${name}-`));
  try {
    await install(unfinished);
    await rename(unfinished, folder);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    // Another test run may have been faster.
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

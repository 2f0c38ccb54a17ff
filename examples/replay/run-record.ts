import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * The id of the last replay of a log is kept in a file of the data folder, named for the log's content, so that `--resume` finds
 * its chains again.
 */
export interface RunRecord {
  /** The id of the last run, if there is one. */
  find(): Promise<string | undefined>;
  /** Makes a new id the last one. Its chains come afterwards, so none is ever out of reach. */
  begin(): Promise<string>;
}

export function runRecord(dataFolder: string, digest: string): RunRecord {
  const folder = join(dataFolder, "replay");
  const path = join(folder, digest);
  return {
    async find() {
      try {
        return (await readFile(path, "utf8")).trim() || undefined;
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw error;
      }
    },
    async begin() {
      const id = randomUUID();
      await mkdir(folder, { recursive: true });
      await writeFile(`${path}.${id}`, `${id}\n`);
      await rename(`${path}.${id}`, path);
      return id;
    },
  };
}

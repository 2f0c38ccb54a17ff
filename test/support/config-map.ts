import { randomUUID } from "node:crypto";
import { mkdir, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A directory into which a ConfigMap is mounted, written as the kubelet writes it. */
export interface ConfigMapMount {
  /** Where a container finds the file. */
  path(file: string): string;
  /** Makes these the files of the ConfigMap. */
  write(files: Readonly<Record<string, string>>): Promise<void>;
}

/**
 * `file` is a symlink to `..data/file`, and `..data` one to a directory named for its time. A change is a new directory,
 * a new symlink renamed over `..data`, and only then the removal of the old directory.
 */
export function mountConfigMap(directory: string): ConfigMapMount {
  const data = join(directory, "..data");
  return {
    path: (file) => join(directory, file),
    write: async (files) => {
      const former = await readlink(data).catch(() => undefined);
      const next = `..${new Date().toISOString().slice(0, 19).replaceAll(/[-:T]/g, "_")}.${randomUUID().slice(0, 8)}`;
      await mkdir(join(directory, next));
      for (const [name, text] of Object.entries(files)) await writeFile(join(directory, next, name), text);
      await symlink(next, join(directory, "..data_tmp"));
      await rename(join(directory, "..data_tmp"), data);
      for (const name of Object.keys(files)) {
        await symlink(join("..data", name), join(directory, name)).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== "EEXIST") throw error;
        });
      }
      if (former) await rm(join(directory, former), { recursive: true });
    },
  };
}

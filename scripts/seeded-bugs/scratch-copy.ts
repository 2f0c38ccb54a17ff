import { execFileSync } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The repository in a folder of its own, where it may be broken. */
export interface ScratchCopy {
  /** Where the copy lies. */
  readonly root: string;
  /** For what is written beside it. */
  readonly folder: string;
  remove(): Promise<void>;
}

/** Copies what git knows of the working tree as it stands, changes included; the packages are only linked. */
export async function copyRepository(root: string): Promise<ScratchCopy> {
  const folder = await mkdtemp(join(tmpdir(), "dispatcher-seeded-"));
  const remove = () => rm(folder, { recursive: true, force: true, maxRetries: 5 });
  try {
    // mkdtemp makes it private, but as root the tests' PostgreSQL runs as another user, who must get in.
    await chmod(folder, 0o755);
    const copy = join(folder, "copy");
    for (const file of filesOf(root)) await cp(join(root, file), join(copy, file));
    await symlink(await realpath(join(root, "node_modules")), join(copy, "node_modules"));
    await mkdir(join(folder, "tmp"));
    return { root: copy, folder, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

function filesOf(root: string): string[] {
  const list = (...which: string[]) =>
    execFileSync("git", ["ls-files", "-z", ...which], { cwd: root, encoding: "utf8" })
      .split("\0")
      .filter((file) => file !== "");
  const gone = new Set(list("--deleted"));
  return list("--cached", "--others", "--exclude-standard").filter(
    (file) => !gone.has(file) && file !== "node_modules",
  );
}

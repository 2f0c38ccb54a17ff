import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { startEmbeddedPostgres } from "../../src/store/embedded-postgres.ts";
import type { Role, Stage } from "../measure/subject.ts";
import { startChildServer } from "./child-server.ts";
import { onServer } from "./database.ts";

/** What all subjects share, with its processes. */
export interface OpenStage extends Stage {
  readonly processes: Partial<Record<Role, readonly number[]>>;
  readonly postgresVersion: string;
  close(): Promise<void>;
}

/** All subjects of a figure stay connected at once. */
const MOST_CONNECTIONS = 400;

/** A fresh PostgreSQL that keeps what it has answered, and the validator that says yes at once. */
export async function openStage(): Promise<OpenStage> {
  const folder = await mkdtemp(join(tmpdir(), "dispatcher-bench-"));
  // As root the server runs as another user, which must get in.
  await chmod(folder, 0o755);
  const first = await startEmbeddedPostgres(folder, () => undefined);
  await onServer(first.url, `alter system set max_connections = ${MOST_CONNECTIONS}`);
  await first.stop();
  const postgres = await startEmbeddedPostgres(folder, () => undefined);
  const postmaster = Number((await readFile(join(folder, "postgres/postmaster.pid"), "utf8")).split("\n")[0]);
  const postgresVersion = await requireDurability(postgres.url);
  const validator = await startChildServer("stage/validator-process.ts", "0");
  return {
    databaseUrl: postgres.url,
    validatorUrl: `grpc://127.0.0.1:${validator.port}`,
    processes: { database: [postmaster], validator: [validator.pid] },
    postgresVersion,
    async close() {
      await validator.stop();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A figure of commits that may be lost would be no figure. */
async function requireDurability(url: string): Promise<string> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query(`
      select current_setting('fsync') as fsync, current_setting('synchronous_commit') as synchronous_commit,
        current_setting('full_page_writes') as full_page_writes, current_setting('server_version') as version`);
    const { version, ...durability } = rows[0] as Record<string, string>;
    for (const [setting, value] of Object.entries(durability)) {
      if (value !== "on") throw new Error(`${setting} is ${value}: a figure without it would be no figure`);
    }
    return version ?? "";
  } finally {
    await client.end();
  }
}

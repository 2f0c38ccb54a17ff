import pg from "pg";

/** A database of one subject on the bench's server. */
export interface BenchDatabase {
  readonly url: string;
  /** For what is not measured. */
  readonly client: pg.Client;
  /** Once nobody else uses it: what is left would go on being vacuumed beside others. */
  drop(): Promise<void>;
}

/** Makes it anew. */
export async function createDatabase(serverUrl: string, name: string): Promise<BenchDatabase> {
  await onServer(serverUrl, `drop database if exists "${name}" with (force)`, `create database "${name}"`);
  const url = new URL(serverUrl);
  url.pathname = name;
  const client = new pg.Client(url.href);
  await client.connect();
  return {
    url: url.href,
    client,
    async drop() {
      await client.end();
      await onServer(serverUrl, `drop database "${name}" with (force)`);
    },
  };
}

/** Runs statements outside any transaction. */
export async function onServer(serverUrl: string, ...statements: readonly string[]): Promise<void> {
  const server = new pg.Client(serverUrl);
  await server.connect();
  try {
    for (const statement of statements) await server.query(statement);
  } finally {
    await server.end();
  }
}

import { randomUUID } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";

/**
 * Makes an empty database and returns its address. One per test file keeps files apart, so that they can run
 * side by side; nobody drops it, since the server and its data go when the run ends.
 */
export async function createTestDatabase(): Promise<string> {
  const url = new URL(inject("databaseUrl"));
  const name = `test_${randomUUID().replaceAll("-", "")}`;

  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    await client.query(`create database ${name}`);
  } finally {
    await client.end();
  }

  url.pathname = name;
  return url.href;
}

import pg from "pg";
import { expect, test } from "vitest";
import { migrate } from "../../src/store/migrate.ts";
import { neededMigrations } from "../../src/store/migrations/needed-migrations.ts";
import { createTestDatabase } from "../support/database.ts";

const options = { schema: "dispatcher", application: "shop", mode: "auto" } as const;

async function run(url: string, ...statements: string[]): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let result: pg.QueryResult = await client.query("select");
    for (const statement of statements) result = await client.query(statement);
    return result;
  } finally {
    await client.end();
  }
}

test("replicas that start together migrate once", async () => {
  const url = await createTestDatabase();
  await Promise.all(Array.from({ length: 5 }, () => migrate({ ...options, url })));
  const { rows } = await run(url, "select name from dispatcher.migration");
  expect(rows).toEqual(neededMigrations.map((name) => ({ name })));
});

test("a schema belongs to one application", async () => {
  const url = await createTestDatabase();
  await migrate({ ...options, url });
  await expect(migrate({ ...options, url, application: "bank" })).rejects.toThrow(
    'Schema "dispatcher" belongs to application "shop", not to "bank"',
  );
  await migrate({ ...options, url, application: "bank", schema: "bank" });
});

test("never: refuses a schema that is not there, and accepts one that is", async () => {
  const url = await createTestDatabase();
  await expect(migrate({ ...options, url, mode: "never" })).rejects.toThrow("0001-core");
  await migrate({ ...options, url });
  await migrate({ ...options, url, mode: "never" });
});

test("another isolation than READ COMMITTED as the default is refused", async () => {
  const url = await createTestDatabase();
  const name = new URL(url).pathname.slice(1);
  await run(url, `alter database ${name} set default_transaction_isolation = 'repeatable read'`);
  await expect(migrate({ ...options, url })).rejects.toThrow('default isolation is "repeatable read"');
});

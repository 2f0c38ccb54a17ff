import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createChainStore } from "../../src/store/chain-store.ts";
import { commitMovesStatement } from "../../src/store/commit-moves.ts";
import { createChainsStatement } from "../../src/store/create-chains.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { readChainsStatement } from "../../src/store/read-chains.ts";
import { makeChain, moveOf, openMigratedDatabase } from "../support/store.ts";

let database: Database & { url: string };
beforeAll(async () => {
  database = await openMigratedDatabase();
});
afterAll(() => database.close());

/** The same database, keeping what is asked of it. */
function watched(): { database: Database; asked: { text: string; values: readonly unknown[] }[] } {
  const asked: { text: string; values: readonly unknown[] }[] = [];
  const watch =
    (ask: Database["query"]): Database["query"] =>
    (sql, values) => {
      asked.push({ text: typeof sql === "string" ? sql : sql.text, values });
      return ask(sql, values);
    };
  return { database: { ...database, query: watch(database.query), read: watch(database.read) }, asked };
}

describe("calls that come together", () => {
  test.each([
    [128, 1],
    [4, 3],
    [1, 10],
  ])(
    "with at most %i rows a statement, ten take %i statements of each kind",
    async (mostRows, statements) => {
      const chains = await Promise.all(Array.from({ length: 10 }, () => makeChain(database)));
      const { database: counted, asked } = watched();
      const store = createChainStore(counted, mostRows);
      const readings = await Promise.all(chains.map(({ id }) => store.read({ ref: { id }, requestId: "" })));
      expect(readings.map(({ chain }) => chain?.id)).toEqual(chains.map(({ id }) => id));
      expect(asked).toHaveLength(statements);
      const results = await Promise.all(chains.map((chain) => store.commit(moveOf(chain))));
      expect(results.map(({ kind }) => kind)).toEqual(chains.map(() => "moved"));
      expect(asked).toHaveLength(2 * statements);
    },
  );
});

describe("statements are kept prepared", () => {
  const preparedBy = async (direct: boolean) => {
    const opened = await openDatabase({ url: database.url, schema: "dispatcher", poolSize: 1, direct });
    const chain = await makeChain(opened);
    await createChainStore(opened, 128).commit(moveOf(chain));
    const prepared = await opened.read<{ name: string }>(
      "select name from pg_prepared_statements order by 1",
      [],
    );
    await opened.close();
    return prepared.map(({ name }) => name);
  };

  test("on a direct connection", async () => {
    const names = [commitMovesStatement, createChainsStatement, readChainsStatement].map(
      ({ functionName }) => functionName,
    );
    expect(await preparedBy(true)).toEqual(names);
  });

  test("and not where a pooler may stand between", async () => {
    expect(await preparedBy(false)).toEqual([]);
  });
});

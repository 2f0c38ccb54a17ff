import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createChainStore } from "../../src/store/chain-store.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { readChains } from "../../src/store/read-chains.ts";
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

describe("the plan of a read", () => {
  test("goes by index for each lookup, however many there are and whatever the database knows of its tables", async () => {
    const { database: kept, asked } = watched();
    const lookups = Array.from({ length: 128 }, (_, index) => ({
      ref: index % 2 ? { key: Buffer.alloc(32, index) } : { id: crypto.randomUUID() },
      requestId: "r",
    }));
    await readChains(kept, lookups);
    const [statement] = asked;
    // Enough rows that a scan looks cheap for so many lookups; nobody has counted them yet.
    await database.query(
      `insert into dispatcher.chain (id, chain_type, key, state, version, fence, disabled, create_time, update_time)
       select gen_random_uuid(), 'order', sha256(i::text::bytea), 'new', 0, 0, false, now(), now()
       from generate_series(1, 20000) i`,
      [],
    );
    for (const counting of ["select 1", "analyze dispatcher.chain"]) {
      await database.query(counting, []);
      const rows = await database.read<{ "QUERY PLAN": string }>(
        `explain ${statement?.text}`,
        statement?.values ?? [],
      );
      const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
      expect(plan).toContain("chain_pkey");
      expect(plan).not.toMatch(/Seq Scan on chain\b/);
    }
  });
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
    const [mode] = await opened.read<{ plan_cache_mode: string }>("show plan_cache_mode", []);
    await opened.close();
    return { names: prepared.map(({ name }) => name), mode: mode?.plan_cache_mode };
  };

  test("on a direct connection, each planned anew for its values", async () => {
    const { names, mode } = await preparedBy(true);
    expect(names).toEqual(["commit_moves", "create_chains", "read_chains"]);
    expect(mode).toBe("force_custom_plan");
  });

  test("and not where a pooler may stand between", async () => {
    expect(await preparedBy(false)).toEqual({ names: [], mode: "auto" });
  });
});

import { expect, test } from "vitest";
import { keepAttempts } from "../../src/store/attempts.ts";
import { commitMoves, prepareMove } from "../../src/store/commit-moves.ts";
import type { Database } from "../../src/store/database.ts";
import { hotStatements } from "../../src/store/hot-statements.ts";
import { readChains } from "../../src/store/read-chains.ts";
import { makeChain, moveOf, openMigratedDatabase } from "../support/store.ts";

const TABLES = ["chain", "chain_attempt", "chain_event", "chain_resource"];

/** How often each table has been read whole. */
async function scans(database: Database): Promise<Record<string, number>> {
  await database.query("select pg_stat_force_next_flush()", []);
  const rows = await database.read<{ relname: string; seq_scan: string }>(
    `select relname, seq_scan from pg_stat_user_tables where schemaname = 'dispatcher' and relname = any($1)`,
    [TABLES],
  );
  return Object.fromEntries(rows.map(({ relname, seq_scan }) => [relname, Number(seq_scan)]));
}

test("a plan made while the tables were empty goes by index when they are full", async () => {
  // One connection, which keeps its plans.
  const database = await openMigratedDatabase({ poolSize: 1 });
  const lookups = Array.from({ length: 128 }, (_, index) => ({
    ref: index % 2 ? { key: Buffer.alloc(32, index) } : { id: crypto.randomUUID() },
    requestId: "r",
  }));
  const callAll = async () => {
    const chain = await makeChain(database);
    await readChains(database, lookups);
    await commitMoves(database, [prepareMove(moveOf(chain, { requestId: "r", requestHash: "h" }))]);
    for (const written of ["at once", "behind"] as const) {
      const attempt = { chainId: chain.id, version: 1, revision: 1, requestedBy: "", requestId: "" };
      const rest = {
        attemptId: crypto.randomUUID(),
        evaluations: [],
        holds: [],
        noValidCount: 1,
        errorCount: 0,
        time: new Date(),
      };
      await keepAttempts(
        database,
        [{ ...attempt, ...rest, result: { outcome: "NO_VALID_TRANSITION" } }],
        written,
      );
    }
  };
  await database.query("analyze", []);
  await callAll();
  const whenEmpty = await scans(database);
  expect(Object.keys(whenEmpty)).toHaveLength(TABLES.length);
  await database.query(
    `insert into dispatcher.chain (id, chain_type, key, state, version, fence, disabled, create_time, update_time)
     select gen_random_uuid(), 'order', sha256(i::text::bytea), 'new', 0, 0, false, now(), now()
     from generate_series(1, 20000) i`,
    [],
  );
  await callAll();
  // Makes all plans anew, in which a scan would look cheap for so many lookups.
  await database.query("analyze dispatcher.chain", []);
  await callAll();
  expect(await scans(database)).toEqual(whenEmpty);
  await database.close();
});

test("each lives in the schema under a name of its own", async () => {
  const database = await openMigratedDatabase();
  const made = await database.read<{ proname: string }>(
    "select proname from pg_proc where pronamespace = 'dispatcher'::regnamespace order by 1",
    [],
  );
  expect(made.map(({ proname }) => proname)).toEqual(
    hotStatements.map(({ functionName }) => functionName).sort(),
  );
  await database.close();
});

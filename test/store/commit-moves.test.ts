import pg from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ChainStore, createChainStore } from "../../src/store/chain-store.ts";
import { commitMoves, type Move, prepareMove } from "../../src/store/commit-moves.ts";
import type { Database } from "../../src/store/database.ts";
import { listEvents } from "../../src/store/list-events.ts";
import { makeChain, moveOf, openMigratedDatabase, readChain } from "../support/store.ts";

let database: Database & { url: string };
let store: ChainStore;
beforeAll(async () => {
  database = await openMigratedDatabase();
  store = createChainStore(database, 128);
});
afterAll(() => database.close());

/** All in one statement, as far as their chains differ. */
const commit = (...moves: readonly Move[]) => Promise.all(moves.map((move) => store.commit(move)));

const claim = (id: string, expiry: string) =>
  database.query(
    `update dispatcher.chain set claim_id = $2, claim_expiry = clock_timestamp() + $3::interval where id = $1`,
    [id, uuidv7(), expiry],
  );

describe("the guards of a commit hold at its instant", () => {
  test("a move on the version that was judged is made, with its event", async () => {
    const chain = await makeChain(database);
    const move = moveOf(chain, { context: { "-": [1, "ü", null] }, requestId: "r1", requestHash: "h1" });
    const [result] = await commit(move);
    expect(result?.kind).toBe("moved");
    expect(await readChain(database, chain.id)).toMatchObject({ state: "paid", version: 1 });
    const events = await listEvents(database, chain.id, undefined, 10);
    expect(events).toMatchObject([
      { id: move.eventId, kind: "TRANSITIONED", version: 1, context: move.context },
    ]);
  });

  test.each([
    ["an older version", async (id: string) => void (await commit(moveOf(await readChain(database, id))))],
    ["a living claim", (id: string) => claim(id, "30 s")],
    [
      "disabled",
      (id: string) => database.query("update dispatcher.chain set disabled = true where id = $1", [id]),
    ],
    ["deleted", (id: string) => database.query("delete from dispatcher.chain where id = $1", [id])],
  ])("refused: %s", async (_, change) => {
    const chain = await makeChain(database);
    await change(chain.id);
    const before = await listEvents(database, chain.id, undefined, 10);
    expect(await commit(moveOf(chain))).toEqual([{ kind: "refused" }]);
    expect(await listEvents(database, chain.id, undefined, 10)).toEqual(before);
  });

  test("refused: a final state that the current revision lacks", async () => {
    const chain = await makeChain(database);
    expect(await commit(moveOf(chain, { finalState: "gone" }))).toEqual([{ kind: "refused" }]);
    expect(await readChain(database, chain.id)).toMatchObject({ state: "new", version: 0 });
  });

  test("an expired claim is run over, and noted", async () => {
    const chain = await makeChain(database);
    await claim(chain.id, "-1 s");
    expect((await commit(moveOf(chain)))[0]?.kind).toBe("moved");
    const events = await listEvents(database, chain.id, undefined, 10);
    expect(events.map(({ kind, version }) => [kind, version])).toEqual([
      ["CLAIM_EXPIRED", 0],
      ["TRANSITIONED", 1],
    ]);
  });

  test("expiry is judged when the row is free, not when the statement began", async () => {
    const chain = await makeChain(database);
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    await other.query("begin");
    await other.query(
      `update dispatcher.chain set claim_id = $2, claim_expiry = clock_timestamp() + interval '1 hour' where id = $1`,
      [chain.id, uuidv7()],
    );
    const committed = commit(moveOf(chain));
    await waitForLock();
    await other.query("commit");
    await other.end();
    expect(await committed).toEqual([{ kind: "refused" }]);
  });
});

describe("moves of one batch do not harm each other", () => {
  test("two moves of one chain in one statement: only one is made", async () => {
    const chain = await makeChain(database);
    const moves = [moveOf(chain), moveOf(chain)];
    const results = await commitMoves(database, moves.map(prepareMove));
    expect(results.filter(({ kind }) => kind === "moved")).toHaveLength(1);
    const [event, ...more] = await listEvents(database, chain.id, undefined, 10);
    expect(event?.id).toBe(moves[results.findIndex(({ kind }) => kind === "moved")]?.eventId);
    expect(more).toEqual([]);
  });

  test("a row that somebody else has locked is committed alone, and nobody waits for it", async () => {
    const [locked, free] = [await makeChain(database), await makeChain(database)];
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    await other.query("begin");
    await other.query("select from dispatcher.chain where id = $1 for update", [locked.id]);
    const [late, early] = [commit(moveOf(locked)), commit(moveOf(free))];
    expect(await early).toMatchObject([{ kind: "moved" }]);
    await waitForLock();
    expect((await readChain(database, locked.id)).version).toBe(0);
    await other.query("commit");
    await other.end();
    expect(await late).toMatchObject([{ kind: "moved" }]);
  });

  test("one whose data the database refuses harms only itself", async () => {
    const chains = await Promise.all(Array.from({ length: 50 }, () => makeChain(database)));
    const moves = chains.map((chain) => moveOf(chain));
    // The event id of another move: no guard of ours, so that the whole statement fails.
    const [made] = moves;
    await commit(made as Move);
    const poisoned = moveOf(await makeChain(database), { eventId: made?.eventId ?? "" });
    const statements = countingStatements(database);
    const counted = createChainStore(statements.database, 128);
    const results = await Promise.allSettled(
      [...moves.slice(1, 30), poisoned, ...moves.slice(30)].map((move) => counted.commit(move)),
    );
    expect(results.map(({ status }) => status).filter((status) => status === "rejected")).toHaveLength(1);
    expect(results[29]).toMatchObject({ status: "rejected", reason: { code: "23505" } });
    expect((await readChain(database, poisoned.chain.id)).version).toBe(0);
    for (const { chain } of moves) expect((await readChain(database, chain.id)).version).toBe(1);
    // Halved, not torn into fifty; a row that the failed statement has not let go of yet is committed alone.
    expect(statements.count()).toBeGreaterThan(1);
    expect(statements.count()).toBeLessThan(40);
  });
});

/** The same database, counting what is written. */
function countingStatements(counted: Database): { database: Database; count(): number } {
  let count = 0;
  return {
    database: {
      ...counted,
      query: (sql, values) => {
        count += 1;
        return counted.query(sql, values);
      },
    },
    count: () => count,
  };
}

/** Until some backend waits for a lock in this database. */
async function waitForLock(): Promise<void> {
  await expect
    .poll(async () => {
      const [row] = await database.read<{ waiting: string }>(
        `select count(*) as waiting from pg_stat_activity
         where wait_event_type = 'Lock' and datname = current_database()`,
        [],
      );
      return Number(row?.waiting);
    })
    .toBe(1);
}

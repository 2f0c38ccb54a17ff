import pg from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commitMoves } from "../../src/store/commit-moves.ts";
import type { Database } from "../../src/store/database.ts";
import { listEvents } from "../../src/store/list-events.ts";
import { makeChain, moveOf, openMigratedDatabase, readChain } from "../support/store.ts";

let database: Database & { url: string };
beforeAll(async () => {
  database = await openMigratedDatabase();
});
afterAll(() => database.close());

const claim = (id: string, expiry: string) =>
  database.query(
    `update dispatcher.chain set claim_id = $2, claim_expiry = clock_timestamp() + $3::interval where id = $1`,
    [id, uuidv7(), expiry],
  );

describe("the guards of a commit hold at its instant", () => {
  test("a move on the version that was judged is made, with its event", async () => {
    const chain = await makeChain(database);
    const move = moveOf(chain, { context: { "-": [1, "ü", null] }, requestId: "r1", requestHash: "h1" });
    const [result] = await commitMoves(database, [move]);
    expect(result?.kind).toBe("moved");
    expect(await readChain(database, chain.id)).toMatchObject({ state: "paid", version: 1 });
    const events = await listEvents(database, chain.id, undefined, 10);
    expect(events).toMatchObject([
      { id: move.eventId, kind: "TRANSITIONED", version: 1, context: move.context },
    ]);
  });

  test.each([
    [
      "an older version",
      async (id: string) => void (await commitMoves(database, [moveOf(await readChain(database, id))])),
    ],
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
    expect(await commitMoves(database, [moveOf(chain)])).toEqual([{ kind: "refused" }]);
    expect(await listEvents(database, chain.id, undefined, 10)).toEqual(before);
  });

  test("refused: a final state that the current revision lacks", async () => {
    const chain = await makeChain(database);
    expect(await commitMoves(database, [moveOf(chain, { finalState: "gone" })])).toEqual([
      { kind: "refused" },
    ]);
    expect(await readChain(database, chain.id)).toMatchObject({ state: "new", version: 0 });
  });

  test("an expired claim is run over, and noted", async () => {
    const chain = await makeChain(database);
    await claim(chain.id, "-1 s");
    expect((await commitMoves(database, [moveOf(chain)]))[0]?.kind).toBe("moved");
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
    const commit = commitMoves(database, [moveOf(chain)]);
    await waitForLock(chain.id);
    await other.query("commit");
    await other.end();
    expect(await commit).toEqual([{ kind: "refused" }]);
  });
});

describe("moves of one batch do not harm each other", () => {
  test("two moves of one chain: one is made, the other refused", async () => {
    const chain = await makeChain(database);
    const results = await commitMoves(database, [moveOf(chain), moveOf(chain)]);
    expect(results.map(({ kind }) => kind).sort()).toEqual(["moved", "refused"]);
    expect(await listEvents(database, chain.id, undefined, 10)).toHaveLength(1);
  });

  test("a row that somebody else has locked is committed alone, after the others", async () => {
    const [locked, free] = [await makeChain(database), await makeChain(database)];
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    await other.query("begin");
    await other.query("select from dispatcher.chain where id = $1 for update", [locked.id]);
    const commit = commitMoves(database, [moveOf(locked), moveOf(free)]);
    await expect.poll(async () => (await readChain(database, free.id)).version).toBe(1);
    expect((await readChain(database, locked.id)).version).toBe(0);
    await other.query("commit");
    await other.end();
    expect((await commit).map(({ kind }) => kind)).toEqual(["moved", "moved"]);
  });
});

/** Until some backend waits for a lock in this database. */
async function waitForLock(_chain: string): Promise<void> {
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

import pg from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chainKey } from "../../src/domain/chain-key.ts";
import { createChains, type NewChain } from "../../src/store/create-chains.ts";
import type { Database } from "../../src/store/database.ts";
import { findChainsIncluding } from "../../src/store/find-subset.ts";
import { readChains } from "../../src/store/read-chains.ts";
import { makeChain, openMigratedDatabase, readChain } from "../support/store.ts";

let database: Database & { url: string };
beforeAll(async () => {
  database = await openMigratedDatabase();
});
afterAll(() => database.close());

function newChain(resourceId: string): NewChain {
  const resources = [{ resourceType: "order", resourceId }];
  return { id: uuidv7(), chainType: "order", key: chainKey("order", resources), resources };
}

test("two batches with the same new keys in reversed order make each chain once, without a deadlock", async () => {
  const one = Array.from({ length: 20 }, (_, index) => newChain(`race-${index}`));
  const two = one.toReversed().map(({ resources }) => newChain(resources[0]?.resourceId ?? ""));
  // Somebody holds the key in the middle, so that both batches are under way at once, each with a half of the keys.
  const middle = one.toSorted((a, b) => Buffer.compare(a.key, b.key))[10];
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  await other.query("begin");
  await other.query(
    `insert into dispatcher.chain (id, chain_type, key, state, version, fence, disabled, create_time, update_time)
     values ($1, 'order', $2, 'new', 0, 0, false, now(), now())`,
    [uuidv7(), middle?.key],
  );
  const batches = Promise.all([createChains(database, one), createChains(database, two)]);
  await expect
    .poll(async () => {
      const [row] = await database.read<{ waiting: string }>(
        `select count(*) as waiting from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
        [],
      );
      return Number(row?.waiting);
    })
    .toBe(2);
  await other.query("rollback");
  await other.end();

  const [madeByOne, madeByTwo] = (await batches).map(
    (results, batch) => new Set([one, two][batch]?.filter((_, index) => results[index]).map(({ id }) => id)),
  );
  expect(Number(madeByOne?.size) + Number(madeByTwo?.size)).toBe(20);
  const readings = await readChains(
    database,
    one.map(({ key }) => ({ ref: { key }, requestId: "" })),
  );
  for (const { chain } of readings)
    expect(madeByOne?.has(chain?.id ?? "") !== madeByTwo?.has(chain?.id ?? "")).toBe(true);
});

test("any Unicode text is kept byte for byte, and composed and decomposed forms are different chains", async () => {
  const texts = ["é", "e\u0301", "x", "x ", "\u{10000}", "\uffff", "a'b\"c\\d;--", "$1", "%_"];
  const ids = new Set<string>();
  for (const resourceId of texts) {
    const chain = await makeChain(database, [{ resourceType: "text", resourceId }]);
    expect((await readChain(database, chain.id)).resources).toEqual([{ resourceType: "text", resourceId }]);
    ids.add(chain.id);
  }
  expect(ids.size).toBe(texts.length);
});

test("a subset finds the chains that include it, at most ten", async () => {
  const common = { resourceType: "shop", resourceId: "one" };
  const chains = await Promise.all(
    Array.from({ length: 12 }, (_, index) =>
      makeChain(database, [common, { resourceType: "cart", resourceId: `${index}` }]),
    ),
  );
  expect(await findChainsIncluding(database, "order", [common])).toHaveLength(10);
  expect(
    await findChainsIncluding(database, "order", [{ resourceType: "cart", resourceId: "3" }, common]),
  ).toEqual([chains[3]?.id]);
  expect(await findChainsIncluding(database, "other", [common])).toEqual([]);
});

test("no chain is made of a type that is not registered", async () => {
  const resources = [{ resourceType: "order", resourceId: "typeless" }];
  const chain = { id: uuidv7(), chainType: "deleted", key: chainKey("deleted", resources), resources };
  expect(await createChains(database, [chain])).toEqual([undefined]);
});

import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ChainType, ChainTypeRevision } from "../../src/domain/chain-type.ts";
import { contentHash } from "../../src/domain/content-hash.ts";
import { Registry } from "../../src/engine/registry.ts";
import type { Database } from "../../src/store/database.ts";
import { register } from "../../src/store/registry-store.ts";
import { UpkeepWorker } from "../../src/workers/upkeep.ts";
import { openMigratedDatabase, orderType } from "../support/store.ts";

let database: Database & { url: string };
let registry: Registry;
beforeAll(async () => {
  database = await openMigratedDatabase();
  registry = new Registry(database);
  await registry.refresh();
  await bringInLine();
});
afterAll(() => database.close());

const running = new AbortController().signal;

/** A type like no other: `new` -> `paid` -> `done`. */
const plainType = (): ChainType => ({ ...orderType, name: `order-${randomUUID()}` });

async function addRevision(chainType: ChainType): Promise<ChainTypeRevision> {
  const added = await register(database, async (registration) => {
    const revision = await registration.addRevision(chainType, contentHash(chainType));
    await registration.raiseVersion();
    return revision;
  });
  await registry.refresh();
  return added;
}

/** Chains in that state, as a sidecar leaves them that knows of no upkeep; `change` sets what else is to be so. */
async function makeChains(
  chainType: ChainType,
  state: string,
  count = 1,
  change = "true",
): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `insert into dispatcher.chain (id, chain_type, key, state, version, fence, disabled, create_time, update_time)
     select gen_random_uuid(), $1, sha256(gen_random_uuid()::text::bytea), $2, 0, 0, false, now(), now()
     from generate_series(1, $3) returning id`,
    [chainType.name, state, count],
  );
  const ids = rows.map(({ id }) => id);
  if (change !== "true")
    await database.query(`update dispatcher.chain set ${change} where id = any($1)`, [ids]);
  return ids;
}

/** What a new worker brings in line without waiting for late writers. */
const bringInLine = () => new UpkeepWorker(database, registry, 0).runOnce(running);

interface Times {
  /** In seconds from now. */
  readonly wake: number | null;
}

async function timesOf(ids: readonly string[]): Promise<Times[]> {
  return database.read<Times & pg.QueryResultRow>(
    `select extract(epoch from wake_time - clock_timestamp())::double precision as wake
     from unnest($1::uuid[]) with ordinality as i (id, n) join dispatcher.chain using (id) order by n`,
    [ids],
  );
}

const auto = (chainType: ChainType): ChainType => ({ ...chainType, autoExecute: {} });

describe("a revision that makes chains wake", () => {
  test("wakes all that can move, each when it is due, and none that is final or disabled", async () => {
    const chainType = plainType();
    await addRevision(chainType);
    const many = await makeChains(chainType, "new", 2_500);
    const paid = await makeChains(chainType, "paid");
    const later = await makeChains(
      chainType,
      "paid",
      1,
      "next_update_time = clock_timestamp() + interval '90 seconds'",
    );
    const still = [
      ...(await makeChains(chainType, "paid", 1, "disabled = true")),
      ...(await makeChains(chainType, "done")),
      ...(await makeChains(plainType(), "new")),
    ];
    await addRevision(auto(chainType));
    expect(await bringInLine()).toEqual({ types: 1, chains: 2_502 });
    for (const { wake } of await timesOf([...many, ...paid])) expect(wake).toBeLessThanOrEqual(0);
    const [{ wake } = { wake: null }] = await timesOf(later);
    expect(wake).toBeGreaterThan(80);
    expect(wake).toBeLessThanOrEqual(90);
    expect(await timesOf(still)).toEqual(still.map(() => ({ wake: null })));
    expect(await bringInLine()).toEqual({ types: 0, chains: 0 });
  });

  test("leaves the times of those that have one already", async () => {
    const chainType = plainType();
    await addRevision(chainType);
    const ids = await makeChains(
      chainType,
      "new",
      1,
      "wake_time = clock_timestamp() + interval '40 seconds'",
    );
    await addRevision(auto(chainType));
    expect(await bringInLine()).toEqual({ types: 1, chains: 0 });
    expect((await timesOf(ids))[0]?.wake).toBeGreaterThan(30);
  });
});

test("a revision without auto_execute wakes nobody any more", async () => {
  const chainType = plainType();
  await addRevision(auto(chainType));
  const ids = await makeChains(chainType, "new", 3, "wake_time = clock_timestamp()");
  await bringInLine();
  expect(await timesOf(ids)).toMatchObject(ids.map(() => ({ wake: expect.any(Number) })));
  await addRevision(chainType);
  expect(await bringInLine()).toEqual({ types: 1, chains: 3 });
  expect(await timesOf(ids)).toEqual(ids.map(() => ({ wake: null })));
});

test("a final state that gets exits, and loses them again", async () => {
  const withoutExits: ChainType = {
    ...auto(plainType()),
    states: [{ name: "new", transitions: ["pay", "ship", "refund"] }],
  };
  await addRevision(withoutExits);
  const ids = await makeChains(withoutExits, "paid", 2);
  await addRevision({ ...withoutExits, states: orderType.states });
  expect(await bringInLine()).toEqual({ types: 1, chains: 2 });
  expect(await timesOf(ids)).toEqual(ids.map(() => ({ wake: expect.any(Number) })));
  await addRevision({ ...withoutExits, validator: { url: "grpc://127.0.0.1:1" } });
  expect(await bringInLine()).toEqual({ types: 1, chains: 2 });
  expect(await timesOf(ids)).toEqual(ids.map(() => ({ wake: null })));
});

test("a revision that changes nothing of it touches no chain", async () => {
  const chainType = auto(plainType());
  await addRevision(chainType);
  await bringInLine();
  await makeChains(chainType, "new", 2);
  await addRevision({ ...chainType, validator: { url: "grpc://127.0.0.1:1" } });
  expect(await bringInLine()).toEqual({ types: 1, chains: 0 });
});

/** Runs until the types are in line; what it changed on the way. */
async function runUntilDone(worker: UpkeepWorker): Promise<number> {
  let chains = 0;
  await expect
    .poll(async () => {
      const run = await worker.runOnce(running);
      chains += run.chains;
      return run.types;
    })
    .toBe(1);
  return chains;
}

test("what is written late under the former revision is found as well", async () => {
  const chainType = plainType();
  await addRevision(chainType);
  const ids = await makeChains(chainType, "new", 3);
  await addRevision(auto(chainType));
  const worker = new UpkeepWorker(database, registry, 100);
  expect(await worker.runOnce(running)).toEqual({ types: 0, chains: 3 });
  await database.query("update dispatcher.chain set wake_time = null where id = $1", [ids[0]]);
  expect(await runUntilDone(worker)).toBe(1);
  expect((await timesOf(ids)).filter(({ wake }) => wake === null)).toEqual([]);
});

test("a chain that somebody has locked is not waited for, and not forgotten", async () => {
  const chainType = plainType();
  await addRevision(chainType);
  const ids = await makeChains(chainType, "new", 3);
  await addRevision(auto(chainType));
  const session = new pg.Client({ connectionString: database.url });
  await session.connect();
  await session.query("begin");
  await session.query("select from dispatcher.chain where id = $1 for update", [ids[0]]);
  const worker = new UpkeepWorker(database, registry, 0);
  expect(await worker.runOnce(running)).toEqual({ types: 0, chains: 2 });
  expect(await worker.runOnce(running)).toEqual({ types: 0, chains: 0 });
  await session.query("rollback");
  await session.end();
  expect(await worker.runOnce(running)).toEqual({ types: 1, chains: 1 });
});

test("another sidecar goes on where one that stopped has left off", async () => {
  const chainType = plainType();
  await addRevision(chainType);
  await makeChains(chainType, "new", 3);
  await addRevision(auto(chainType));
  expect(await new UpkeepWorker(database, registry, 0).runOnce(AbortSignal.abort())).toEqual({
    types: 0,
    chains: 0,
  });
  expect(await bringInLine()).toEqual({ types: 1, chains: 3 });
});

test("going back before all are in line leaves none behind", async () => {
  const chainType = plainType();
  const first = await addRevision(chainType);
  const ids = await makeChains(chainType, "new", 3);
  await bringInLine();
  await addRevision(auto(chainType));
  const worker = new UpkeepWorker(database, registry, 60_000);
  expect(await worker.runOnce(running)).toEqual({ types: 0, chains: 3 });
  await register(database, async (registration) => {
    await registration.makeCurrent(first, new Map());
    await registration.raiseVersion();
  });
  await registry.refresh();
  expect(await bringInLine()).toEqual({ types: 1, chains: 3 });
  expect(await timesOf(ids)).toEqual(ids.map(() => ({ wake: null })));
});

test("the database is not asked while nothing is registered", async () => {
  let asked = 0;
  const counted: Database = {
    ...database,
    read: (sql, values) => {
      asked += 1;
      return database.read(sql, values);
    },
  };
  const worker = new UpkeepWorker(counted, registry, 0);
  await addRevision(plainType());
  await worker.runOnce(running);
  expect(asked).toBe(1);
  await worker.runOnce(running);
  expect(asked).toBe(1);
  await addRevision(plainType());
  await worker.runOnce(running);
  expect(asked).toBe(2);
});

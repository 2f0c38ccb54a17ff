import { afterAll, beforeAll, expect, test } from "vitest";
import type { ChainType } from "../../src/domain/chain-type.ts";
import { contentHash } from "../../src/domain/content-hash.ts";
import { ReachableTypes } from "../../src/engine/reachable-types.ts";
import { Registry } from "../../src/engine/registry.ts";
import type { Database } from "../../src/store/database.ts";
import { register } from "../../src/store/registry-store.ts";
import { freeAddress } from "../support/free-address.ts";
import { type RawServer, startRawServer } from "../support/raw-server.ts";
import { openMigratedDatabase, orderType } from "../support/store.ts";

let database: Database;
let registry: Registry;
let server: RawServer;
let here: { url: string };
let gone: { url: string };
const elsewhere = { url: "grpc://validators.example:9000" };
beforeAll(async () => {
  database = await openMigratedDatabase();
  registry = new Registry(database);
  server = await startRawServer(() => undefined);
  here = { url: `grpc://127.0.0.1:${server.port}` };
  gone = { url: `http://${await freeAddress()}` };
});
afterAll(async () => {
  await server.close();
  await database.close();
});

/** Registers the types, each with `auto_execute` unless it says otherwise, and tells which can be reached. */
async function reachableOf(types: Readonly<Record<string, Partial<ChainType>>>): Promise<readonly string[]> {
  await register(database, async (registration) => {
    for (const [name, change] of Object.entries(types)) {
      const chainType = { ...orderType, name, autoExecute: {}, ...change };
      await registration.addRevision(chainType, contentHash(chainType));
    }
    await registration.raiseVersion();
  });
  await registry.refresh();
  const reachable = await new ReachableTypes(registry).find();
  return Object.keys(types).filter((name) => reachable.includes(name));
}

test("of types that sidecars execute, those all of whose local endpoints answer", async () => {
  const reachable = await reachableOf({
    "answers here": { validator: here },
    "is elsewhere": { validator: elsewhere },
    "is executed by callers": { validator: here, autoExecute: undefined },
    "has gone": { validator: gone },
    "has gone for one transition": {
      validator: here,
      transitions: orderType.transitions.map((each) =>
        each.name === "refund" ? { ...each, validator: gone } : each,
      ),
    },
    "has no validator": {},
    "has one for one transition": {
      transitions: orderType.transitions.map((each) =>
        each.name === "pay" ? { ...each, validator: here } : each,
      ),
    },
  });
  expect(reachable).toEqual(["answers here", "is elsewhere"]);
});

test("a callback keeps a chain from moving only before the commit", async () => {
  const reachable = await reachableOf({
    "before, answers": { validator: here, callback: { endpoint: here, mode: "BEFORE_COMMIT" } },
    "before, has gone": { validator: here, callback: { endpoint: gone, mode: "BEFORE_COMMIT" } },
    "before, has gone, elsewhere": {
      validator: here,
      callback: { endpoint: elsewhere, mode: "BEFORE_COMMIT" },
    },
    "after, has gone": { validator: here, callback: { endpoint: gone, mode: "AFTER_COMMIT" } },
  });
  expect(reachable).toEqual(["before, answers", "before, has gone, elsewhere", "after, has gone"]);
});

test("what is registered at this sidecar alone counts, and the last that it said", async () => {
  expect(await reachableOf({ moved: { validator: gone } })).toEqual([]);
  const types = new ReachableTypes(registry);
  expect(await types.find()).not.toContain("moved");
  registry.validators.putLocal("moved", [""], here);
  expect(await types.find()).toContain("moved");
  registry.validators.removeLocal("moved", [""], () => true);
  expect(await types.find()).not.toContain("moved");
});

test("an endpoint in doubt is looked at again", async () => {
  const leaving = await startRawServer(() => undefined);
  expect(await reachableOf({ leaving: { validator: { url: `grpc://127.0.0.1:${leaving.port}` } } })).toEqual([
    "leaving",
  ]);
  const types = new ReachableTypes(registry);
  expect(await types.find()).toContain("leaving");
  await leaving.close();
  expect(await types.find()).toContain("leaving");
  types.doubt("leaving");
  expect(await types.find()).not.toContain("leaving");
});

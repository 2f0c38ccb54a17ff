import { v7 as uuidv7 } from "uuid";
import type { Chain } from "../../src/domain/chain.ts";
import { chainKey } from "../../src/domain/chain-key.ts";
import type { ChainType } from "../../src/domain/chain-type.ts";
import { canonicalMappings, type ResourceMapping } from "../../src/domain/resource-mapping.ts";
import type { Move } from "../../src/store/commit-moves.ts";
import { createChains } from "../../src/store/create-chains.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { readChains } from "../../src/store/read-chains.ts";
import { register } from "../../src/store/registry-store.ts";
import { createTestDatabase } from "./database.ts";

/** `new` -> `paid` -> `done`, and back from `paid` to `new`. */
export const orderType: ChainType = {
  name: "order",
  evaluation: "SEQUENTIAL",
  transitions: [
    { name: "pay", finalState: "paid", onError: "STOP" },
    { name: "ship", finalState: "done", onError: "STOP" },
    { name: "refund", finalState: "new", onError: "STOP" },
  ],
  states: [
    { name: "new", transitions: ["pay"] },
    { name: "paid", transitions: ["ship", "refund"] },
  ],
};

export async function openMigratedDatabase(
  options: { poolSize?: number } = {},
): Promise<Database & { url: string }> {
  const url = await createTestDatabase();
  await migrate({ url, schema: "dispatcher", application: "test", mode: "auto" });
  const database = await openDatabase({
    url,
    schema: "dispatcher",
    poolSize: options.poolSize ?? 10,
    direct: false,
  });
  await register(database, async (registration) => {
    await registration.addRevision(orderType, "first");
    await registration.raiseVersion();
  });
  return { ...database, url };
}

let made = 0;

export async function makeChain(database: Database, resources?: readonly ResourceMapping[]): Promise<Chain> {
  made += 1;
  const mappings = canonicalMappings(
    resources ?? [{ resourceType: "order", resourceId: `${process.pid}-${made}` }],
  );
  const id = uuidv7();
  await createChains(database, [
    { id, chainType: orderType.name, key: chainKey(orderType.name, mappings), resources: mappings },
  ]);
  return readChain(database, id);
}

export async function readChain(database: Database, id: string): Promise<Chain> {
  const [reading] = await readChains(database, [{ ref: { id }, requestId: "" }]);
  if (!reading?.chain) throw new Error(`no chain ${id}`);
  return reading.chain;
}

export function moveOf(chain: Chain, change: Partial<Move> = {}): Move {
  return {
    eventId: uuidv7(),
    chain,
    transition: "pay",
    finalState: "paid",
    revision: 1,
    evaluations: [{ transition: "pay", verdict: "VALID", errors: [], held: false }],
    context: {},
    callbackContext: {},
    wakes: false,
    requestedBy: "test",
    requestId: "",
    requestHash: "",
    attemptId: uuidv7(),
    ...change,
  };
}

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Chain } from "../../src/domain/chain.ts";
import type { ChainType } from "../../src/domain/chain-type.ts";
import { AttemptKeeper } from "../../src/engine/attempt-keeper.ts";
import { setChainState, updateChain } from "../../src/engine/change-chain.ts";
import { execute } from "../../src/engine/execute.ts";
import type { ExecuteCommand, ExecuteParts } from "../../src/engine/execute-command.ts";
import { hastenNothing } from "../../src/engine/hasten.ts";
import { registerChainType } from "../../src/engine/register-chain-type.ts";
import { Registry } from "../../src/engine/registry.ts";
import { createCallbackClient } from "../../src/outbound/callback-client.ts";
import { createEndpointPolicy } from "../../src/outbound/endpoint-policy.ts";
import { createValidatorClient } from "../../src/outbound/validator-client.ts";
import { createChainStore } from "../../src/store/chain-store.ts";
import type { Database } from "../../src/store/database.ts";
import { listEvents } from "../../src/store/list-events.ts";
import { valid } from "../support/judged-shop.ts";
import { makeChain, moveOf, openMigratedDatabase, orderType, readChain } from "../support/store.ts";
import { startGrpcValidator, type ValidatorHost } from "../support/validator-host.ts";

// A sidecar without the worker that migrates chains: what is migrated here, its callers migrate.

let database: Database & { url: string };
let host: ValidatorHost;
let parts: ExecuteParts;
const validators = createValidatorClient({});
const callbacks = createCallbackClient({});
const policy = createEndpointPolicy({ allow: [], ownPorts: [], deniedTargets: [] });

function newParts(): ExecuteParts {
  const store = createChainStore(database, 128);
  const attempts = new AttemptKeeper(store, () => undefined);
  const registry = new Registry(database);
  return { store, registry, validators, callbacks, policy, attempts, hasten: hastenNothing };
}

beforeAll(async () => {
  database = await openMigratedDatabase();
  host = await startGrpcValidator(() => valid);
  parts = newParts();
});
afterAll(async () => {
  await validators.close();
  await callbacks.close();
  await host.stop();
  await database.close();
});

/** Orders that are paid are in this state, and the states before it that were called so are mapped to it. */
const orderIn = (paid: string, former: readonly string[], shippedTo = "done"): ChainType => ({
  ...orderType,
  validator: { url: host.url, timeoutMs: undefined },
  transitions: [
    { name: "pay", finalState: paid, onError: "STOP" },
    { name: "ship", finalState: shippedTo, onError: "STOP" },
    { name: "refund", finalState: "new", onError: "STOP" },
  ],
  states: [
    { name: "new", transitions: ["pay"] },
    { name: paid, transitions: ["ship", "refund"] },
    ...former.map((name) => ({ name, transitions: [], replacedBy: paid })),
  ],
});

const makeCurrent = (chainType: ChainType) =>
  registerChainType(database, parts.registry, policy, { chainType, validateOnly: false, makeCurrent: true });

const command = (chain: Chain, change: Partial<ExecuteCommand> = {}): ExecuteCommand => ({
  ref: { id: chain.id },
  createIfAbsent: false,
  initialContext: {},
  callbackContext: {},
  requestedBy: "test",
  dryRun: false,
  evaluateAll: false,
  ignoreSchedule: false,
  requestId: "",
  validatorEndpoint: "",
  ...change,
});
const run = (chain: Chain, change: Partial<ExecuteCommand> = {}) =>
  execute(parts, command(chain, change), { signal: new AbortController().signal });

const historyOf = async ({ id }: Chain) =>
  (await listEvents(database, id, undefined, 10)).map(({ kind, fromState, finalState }) =>
    fromState ? `${kind} ${fromState} -> ${finalState}` : kind,
  );
const set = (assignment: string, { id }: Chain) =>
  database.query(`update dispatcher.chain set ${assignment} where id = $1`, [id]);
const CLAIMED = "claim_id = gen_random_uuid(), claim_expiry = clock_timestamp() + interval '1 hour'";

describe("a chain that is found in a mapped state", () => {
  let chain: Chain;
  beforeEach(async () => {
    await makeCurrent(orderIn("paid", []));
    const fresh = await makeChain(database);
    await parts.store.commit(moveOf(fresh));
    chain = await readChain(database, fresh.id);
    expect(chain).toMatchObject({ state: "paid", version: 1 });
    await makeCurrent(orderIn("settled", ["paid"]));
  });

  test("is migrated before it is judged, also by a sidecar that has heard of nothing", async () => {
    parts = newParts();
    const result = await run(chain);
    expect(result).toMatchObject({ outcome: "TRANSITIONED", chain: { state: "done", version: 3 } });
    expect(host.calls.at(-1)).toMatchObject({ transition: "ship", fromState: "settled" });
    expect(await historyOf(chain)).toEqual([
      "TRANSITIONED new -> paid",
      "MIGRATED paid -> settled",
      "TRANSITIONED settled -> done",
    ]);
  });

  test("once, however many execute it", async () => {
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => run(chain)));
    expect(results.filter(({ status }) => status === "fulfilled").length).toBeGreaterThanOrEqual(1);
    for (const result of results)
      if (result.status === "rejected") expect(result.reason.reason).toBe("CONCURRENT_TRANSITION");
    expect((await historyOf(chain)).filter((move) => move.startsWith("MIGRATED"))).toHaveLength(1);
  });

  test("is claimed where it has come to", async () => {
    await makeCurrent(orderIn("settled", ["paid"], "shipped"));
    const result = await run(chain, { claim: { durationMs: 60_000 } });
    expect(result).toMatchObject({ outcome: "CLAIMED", chain: { state: "settled", version: 2 } });
  });

  test("is judged by a dry run as it would be, and stays", async () => {
    const result = await run(chain, { dryRun: true });
    expect(result).toMatchObject({
      outcome: "WOULD_TRANSITION",
      chain: { state: "settled", version: 2 },
      transition: { fromState: "settled", finalState: "done" },
    });
    expect(await historyOf(chain)).toHaveLength(1);
  });

  test("while somebody may finish a step of it, is claimed, and stays; a dry run tells what would be", async () => {
    await set(CLAIMED, chain);
    await expect(run(chain)).rejects.toMatchObject({ reason: "CLAIMED" });
    expect(await run(chain, { dryRun: true })).toMatchObject({ outcome: "WOULD_TRANSITION" });
    expect(await historyOf(chain)).toHaveLength(1);
  });

  test("is due when it was due, under its new name", async () => {
    await set("next_update_time = clock_timestamp() + interval '1 hour'", chain);
    await expect(run(chain)).rejects.toMatchObject({ reason: "NOT_DUE" });
    expect(await historyOf(chain)).toContain("MIGRATED paid -> settled");
  });

  test("has another version then, so that what was expected of it no longer holds", async () => {
    await expect(run(chain, { expectedVersion: 1 })).rejects.toMatchObject({ reason: "VERSION_MISMATCH" });
    expect(await run(chain, { expectedVersion: 2 })).toMatchObject({ outcome: "TRANSITIONED" });
  });

  const byHand = { requestedBy: "test", reason: "" };
  test("is migrated before it is changed by hand, unless it is claimed", async () => {
    const { store, registry } = parts;
    const ref = { id: chain.id };
    await set(CLAIMED, chain);
    await updateChain(store, registry, { ...byHand, ref, disabled: true });
    expect(await readChain(database, chain.id)).toMatchObject({ state: "paid", disabled: true });
    await set("claim_id = null, claim_expiry = null", chain);
    await updateChain(store, registry, { ...byHand, ref, disabled: false });
    expect(await readChain(database, chain.id)).toMatchObject({ state: "settled", version: 2 });
    await setChainState(store, registry, { ...byHand, ref, state: "new" });
    expect(await historyOf(chain)).toEqual([
      "TRANSITIONED new -> paid",
      "UPDATED",
      "MIGRATED paid -> settled",
      "UPDATED",
      "STATE_SET settled -> new",
    ]);
  });

  test("is never moved by the mapping of a sidecar that has not heard of going back", async () => {
    const stale = newParts();
    await stale.registry.refresh();
    await makeCurrent(orderIn("paid", []));
    const result = await execute(stale, command(chain), { signal: new AbortController().signal });
    expect(result).toMatchObject({ outcome: "TRANSITIONED", chain: { state: "done", version: 2 } });
    expect(await historyOf(chain)).toEqual(["TRANSITIONED new -> paid", "TRANSITIONED paid -> done"]);
  });
});

test("a chain whose state was removed is refused until a revision maps it; it can be set elsewhere meanwhile", async () => {
  await makeCurrent(orderIn("settled", ["paid"]));
  const [stuck, other] = [await makeChain(database), await makeChain(database)];
  // As if a commit had slipped in while its state was being removed.
  await set("state = 'forgotten'", stuck);
  await set("state = 'forgotten'", other);
  await expect(run(stuck)).rejects.toMatchObject({ reason: "STATE_REMOVED" });
  expect(parts.registry.isFinal(await readChain(database, stuck.id))).toBe(false);
  await setChainState(parts.store, parts.registry, {
    ref: { id: other.id },
    requestedBy: "test",
    reason: "stuck",
    state: "new",
  });
  expect(await run(other)).toMatchObject({ outcome: "TRANSITIONED" });

  const { removedStates } = await makeCurrent(orderIn("settled", ["paid", "forgotten"]));
  expect(removedStates).toContainEqual({ state: "forgotten", chains: 1, replacedBy: "settled" });
  expect(await run(stuck)).toMatchObject({ outcome: "TRANSITIONED", chain: { state: "done" } });
});

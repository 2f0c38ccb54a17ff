import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deleteChain, setChainState, updateChain } from "../../src/engine/change-chain.ts";
import { commitMove } from "../../src/engine/commit-move.ts";
import { getOrCreateChain } from "../../src/engine/get-or-create-chain.ts";
import { hastenNothing } from "../../src/engine/hasten.ts";
import { registerChainType } from "../../src/engine/register-chain-type.ts";
import { Registry } from "../../src/engine/registry.ts";
import { takeClaim } from "../../src/engine/take-claim.ts";
import { createEndpointPolicy } from "../../src/outbound/endpoint-policy.ts";
import { type ChainStore, createChainStore } from "../../src/store/chain-store.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { listEvents } from "../../src/store/list-events.ts";
import { makeChain, moveOf, openMigratedDatabase, orderType, readChain } from "../support/store.ts";
import { startWireProxy, type WireProxy } from "../support/wire-proxy.ts";

let direct: Database & { url: string };
let proxy: WireProxy;
let database: Database;
let store: ChainStore;
let registry: Registry;

beforeAll(async () => {
  direct = await openMigratedDatabase();
  proxy = await startWireProxy(direct.url);
  database = await openDatabase({ url: proxy.url, schema: "dispatcher", poolSize: 2, direct: false });
  store = createChainStore(database, 128);
  registry = new Registry(database);
  await registry.refresh();
});
afterAll(async () => {
  await database.close();
  proxy.close();
  await direct.close();
});

/** Carries out a write, the answer to whose statement is lost on the wire: this one did happen. */
async function losingTheAnswerTo<T>(statement: string, write: () => Promise<T>): Promise<T> {
  const cuts = proxy.cuts();
  proxy.cutAnswerTo(statement);
  const result = await write();
  expect(proxy.cuts()).toBe(cuts + 1);
  return result;
}

describe("a commit whose answer is lost", () => {
  test("is found to be our own success", async () => {
    const chain = await makeChain(direct);
    const move = moveOf(chain, { requestId: "once", requestHash: "h" });
    const recorded = await losingTheAnswerTo("commit_moves_", () =>
      commitMove({ store, registry, hasten: hastenNothing }, move),
    );
    expect(recorded.event).toMatchObject({ id: move.eventId, version: 1, finalState: "paid" });
    expect(await listEvents(direct, chain.id, undefined, 10)).toHaveLength(1);
  });

  test("is found to be the success of each move that shared the statement", async () => {
    const chains = await Promise.all(Array.from({ length: 5 }, () => makeChain(direct)));
    const moves = chains.map((chain) => moveOf(chain));
    const recorded = await losingTheAnswerTo("commit_moves_", () =>
      Promise.all(moves.map((move) => commitMove({ store, registry, hasten: hastenNothing }, move))),
    );
    expect(recorded.map(({ event }) => event.id)).toEqual(moves.map(({ eventId }) => eventId));
    for (const { id } of chains) expect(await listEvents(direct, id, undefined, 10)).toHaveLength(1);
  });

  test("is found to be our own success after the chain has moved on", async () => {
    const chain = await makeChain(direct);
    const move = moveOf(chain);
    const commit = commitMove({ store, registry, hasten: hastenNothing }, move);
    await commit;
    const paid = await readChain(direct, chain.id);
    await commitMove(
      { store, registry, hasten: hastenNothing },
      moveOf(paid, { transition: "refund", finalState: "new" }),
    );
    // The same write once more, as after a lost answer: the version is refused, and its own event found.
    const again = await commitMove({ store, registry, hasten: hastenNothing }, move);
    expect(again.event.id).toBe(move.eventId);
    expect(again.chainAfter).toMatchObject({ state: "paid", version: 1 });
  });

  test("a claim is taken once more under the same id, and is as good as the first", async () => {
    const chain = await makeChain(direct);
    const taken = await losingTheAnswerTo("take_claims_", () =>
      takeClaim(store, moveOf(chain), { termMs: 30_000, wakes: false, adopts: false }),
    );
    expect(taken).toMatchObject({ kind: "claimed", held: { claim: { fencingToken: 2 } } });
    const claimId = taken.kind === "claimed" ? taken.held.claim.id : "";
    await commitMove(
      { store, registry, hasten: hastenNothing },
      moveOf(chain, { claimId, eventId: claimId }),
    );
    const kinds = (await listEvents(direct, chain.id, undefined, 10)).map(({ kind }) => kind);
    expect(kinds).toEqual(["TRANSITIONED"]);
  });

  test("a chain whose creation was not answered is created once, and reported as created", async () => {
    const key = {
      chainType: "order",
      resources: [{ resourceType: "order", resourceId: "lost" }],
      match: "EXACT" as const,
    };
    expect(
      await losingTheAnswerTo("create_chains_", () => getOrCreateChain(store, registry, key)),
    ).toMatchObject({ created: true });
    expect(await getOrCreateChain(store, registry, key)).toMatchObject({ created: false });
  });

  test("a change by hand is made once", async () => {
    const chain = await makeChain(direct);
    await losingTheAnswerTo("'UPDATED', false", () =>
      updateChain(store, registry, {
        ref: { id: chain.id },
        requestedBy: "me",
        reason: "because",
        disabled: true,
      }),
    );
    expect(await readChain(direct, chain.id)).toMatchObject({ disabled: true, version: 0 });
    expect((await listEvents(direct, chain.id, undefined, 10)).map(({ kind }) => kind)).toEqual(["UPDATED"]);
  });

  test("a state is set once", async () => {
    const chain = await makeChain(direct);
    const by = { ref: { id: chain.id }, requestedBy: "me", reason: "because" };
    const set = await losingTheAnswerTo("'STATE_SET', true", () =>
      setChainState(store, registry, { ...by, state: "paid" }),
    );
    expect(set.chain).toMatchObject({ state: "paid", version: 1 });
    expect(set.move?.event).toMatchObject({ kind: "STATE_SET", version: 1 });
    expect(await listEvents(direct, chain.id, undefined, 10)).toHaveLength(1);
  });

  test("a chain is deleted once", async () => {
    const chain = await makeChain(direct);
    await losingTheAnswerTo("'DELETED', false", () =>
      deleteChain(store, {
        ref: { id: chain.id },
        requestedBy: "me",
        reason: "because",
        force: false,
      }),
    );
    expect((await listEvents(direct, chain.id, undefined, 10)).map(({ kind }) => kind)).toEqual(["DELETED"]);
  });

  test("a registration says that it is not known, and may be repeated", async () => {
    const policy = createEndpointPolicy({ allow: [], ownPorts: [] });
    const command = { chainType: { ...orderType, name: "parcel" }, validateOnly: false, makeCurrent: false };
    const register = () => registerChainType(database, registry, policy, command);
    const told = await losingTheAnswerTo("commit", () => register().catch((error: unknown) => error));
    expect(told).toMatchObject({ reason: "COMMIT_UNKNOWN" });
    expect(await register()).toMatchObject({ created: false, current: { revision: 1 } });
  });

  test("no place in the pool is lost", async () => {
    await Promise.all(Array.from({ length: 8 }, () => database.read("select 1", [])));
  });
});

test("a loser is told who was faster, and a repetition gets the recorded answer", async () => {
  const chain = await makeChain(direct);
  const move = moveOf(chain, { requestId: "twice", requestHash: "h" });
  await commitMove({ store, registry, hasten: hastenNothing }, move);
  await expect(commitMove({ store, registry, hasten: hastenNothing }, moveOf(chain))).rejects.toMatchObject({
    reason: "CONCURRENT_TRANSITION",
  });
  const repeated = await commitMove(
    { store, registry, hasten: hastenNothing },
    moveOf(chain, { requestId: "twice", requestHash: "h" }),
  );
  expect(repeated.event.id).toBe(move.eventId);
  await expect(
    commitMove(
      { store, registry, hasten: hastenNothing },
      moveOf(chain, { requestId: "twice", requestHash: "other" }),
    ),
  ).rejects.toMatchObject({ reason: "REQUEST_ID_REUSED" });
});

test("a move that loses to an operator or to a new revision is told so", async () => {
  const disabled = await makeChain(direct);
  await updateChain(store, registry, {
    ref: { id: disabled.id },
    requestedBy: "me",
    reason: "",
    disabled: true,
  });
  await expect(
    commitMove({ store, registry, hasten: hastenNothing }, moveOf(disabled)),
  ).rejects.toMatchObject({
    reason: "CHAIN_DISABLED",
  });

  const chain = await makeChain(direct);
  const older = moveOf(chain, { finalState: "lost", revision: 0 });
  await expect(commitMove({ store, registry, hasten: hastenNothing }, older)).rejects.toMatchObject({
    reason: "REVISION_CHANGED",
  });

  await deleteChain(store, { ref: { id: chain.id }, requestedBy: "me", reason: "", force: false });
  await expect(commitMove({ store, registry, hasten: hastenNothing }, moveOf(chain))).rejects.toMatchObject({
    reason: "CHAIN_NOT_FOUND",
  });
});

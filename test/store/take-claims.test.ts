import pg from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Chain } from "../../src/domain/chain.ts";
import { type ChainStore, createChainStore } from "../../src/store/chain-store.ts";
import type { Move } from "../../src/store/commit-moves.ts";
import type { Database } from "../../src/store/database.ts";
import { endClaim, extendClaim, readClaim, readEndOfClaim } from "../../src/store/end-claim.ts";
import { listEvents } from "../../src/store/list-events.ts";
import type { ClaimToTake } from "../../src/store/take-claims.ts";
import { makeChain, moveOf, openMigratedDatabase, readChain } from "../support/store.ts";

let database: Database & { url: string };
let store: ChainStore;
beforeAll(async () => {
  database = await openMigratedDatabase();
  store = createChainStore(database, 128);
});
afterAll(() => database.close());

const claimOn = (chain: Chain, change: Partial<ClaimToTake> = {}): ClaimToTake => ({
  claimId: uuidv7(),
  termMs: 30_000,
  decided: moveOf(chain),
  wakes: false,
  ...change,
});

const underClaim = (chain: Chain, claimId: string): Move => moveOf(chain, { claimId, eventId: claimId });

const expire = ({ id }: Chain) =>
  database.query("update dispatcher.chain set claim_expiry = clock_timestamp() where id = $1", [id]);

const kindsOf = async ({ id }: Chain) =>
  (await listEvents(database, id, undefined, 10)).map(({ id: event, kind }) => [kind, event]);

describe("a claim is taken", () => {
  test("with what it is for, which is read back while it lives", async () => {
    const chain = await makeChain(database);
    const claim = claimOn(chain, {
      decided: moveOf(chain, {
        context: { a: [1, null] },
        callbackContext: { b: "ü" },
        requestId: "r",
        requestHash: "h",
        nextUpdateTime: new Date("2100-01-01T00:00:00.123Z"),
        delayMs: 5,
      }),
    });
    const taken = await store.claim(claim);
    expect(taken).toMatchObject({ kind: "taken", claim: { id: claim.claimId, fencingToken: 1 } });
    const ref = { chainId: chain.id, claimId: claim.claimId };
    const { eventId, wakes, ...decided } = claim.decided as Move;
    expect(await readClaim(database, ref)).toMatchObject({
      claim: { id: claim.claimId, fencingToken: 1 },
      decided: { ...decided, chain: { id: chain.id, version: 0 } },
      termMs: 30_000,
    });
    const byRequest = await store.read({ ref: { id: chain.id }, requestId: "r" });
    expect(byRequest.claimed?.claim.id).toBe(claim.claimId);
    expect((await store.read({ ref: { id: chain.id }, requestId: "other" })).claimed).toBeUndefined();
    await expire(chain);
    expect(await readClaim(database, ref)).toBeUndefined();
    expect((await store.read({ ref: { id: chain.id }, requestId: "r" })).claimed).toBeUndefined();
  });

  test("again under the same id, as after a lost answer: the last token counts", async () => {
    const chain = await makeChain(database);
    const claim = claimOn(chain);
    await store.claim(claim);
    expect(await store.claim(claim)).toMatchObject({ kind: "taken", claim: { fencingToken: 2 } });
    expect(await kindsOf(chain)).toEqual([]);
  });

  test("from one that has expired, which is noted under that one's id", async () => {
    const chain = await makeChain(database);
    const [first, second] = [claimOn(chain), claimOn(chain)];
    await store.claim(first);
    await expire(chain);
    expect(await store.claim(second)).toMatchObject({ kind: "taken", claim: { fencingToken: 2 } });
    expect(await kindsOf(chain)).toEqual([["CLAIM_EXPIRED", first.claimId]]);
    expect(await readEndOfClaim(database, { chainId: chain.id, claimId: first.claimId })).toBe(
      "CLAIM_EXPIRED",
    );
  });

  test("by one of many that race, on 20 chains at once", async () => {
    const chains = await Promise.all(Array.from({ length: 20 }, () => makeChain(database)));
    const stores = [store, ...Array.from({ length: 3 }, () => createChainStore(database, 1))];
    const results = await Promise.all(
      chains.flatMap((chain) => stores.map((racing) => racing.claim(claimOn(chain)))),
    );
    expect(results.filter(({ kind }) => kind === "taken")).toHaveLength(chains.length);
    for (const chain of chains)
      expect(
        (
          await database.read<{ fence: string }>("select fence from dispatcher.chain where id = $1", [
            chain.id,
          ])
        )[0]?.fence,
      ).toBe("1");
  });
});

describe("a claim is refused", () => {
  test.each([
    ["another version", (chain: Chain) => store.commit(moveOf(chain))],
    ["another's claim", (chain: Chain) => store.claim(claimOn(chain))],
    [
      "disabled",
      ({ id }: Chain) => database.query("update dispatcher.chain set disabled = true where id = $1", [id]),
    ],
    ["deleted", ({ id }: Chain) => database.query("delete from dispatcher.chain where id = $1", [id])],
  ])("%s", async (_, change) => {
    const chain = await makeChain(database);
    await change(chain);
    expect(await store.claim(claimOn(chain))).toEqual({ kind: "refused" });
  });

  test("while its row is locked it is waited for, alone", async () => {
    const [locked, free] = [await makeChain(database), await makeChain(database)];
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    await other.query("begin");
    await other.query("select from dispatcher.chain where id = $1 for update", [locked.id]);
    const [late, early] = [store.claim(claimOn(locked)), store.claim(claimOn(free))];
    expect(await early).toMatchObject({ kind: "taken" });
    await other.query("commit");
    await other.end();
    expect(await late).toMatchObject({ kind: "taken" });
  });
});

describe("a move under a claim", () => {
  test("is made while the claim lives, also of a chain that was disabled since, and ends it", async () => {
    const chain = await makeChain(database);
    const { claimId } = claimOn(chain);
    await store.claim(claimOn(chain, { claimId }));
    await database.query("update dispatcher.chain set disabled = true where id = $1", [chain.id]);
    expect((await store.commit(underClaim(chain, claimId))).kind).toBe("moved");
    expect(await kindsOf(chain)).toEqual([["TRANSITIONED", claimId]]);
    expect(await readChain(database, chain.id)).toMatchObject({ version: 1, claimExpireTime: undefined });
    expect(await database.read("select from dispatcher.chain_claim where chain_id = $1", [chain.id])).toEqual(
      [],
    );
  });

  test.each([
    ["has expired", expire],
    ["was taken over", (chain: Chain) => expire(chain).then(() => store.claim(claimOn(chain)))],
    [
      "was given up",
      async ({ id }: Chain, claimId: string) =>
        endClaim(database, { chainId: id, claimId, kind: "CLAIM_ABANDONED", reason: "" }),
    ],
  ])("is refused once it %s", async (_, change) => {
    const chain = await makeChain(database);
    const { claimId } = claimOn(chain);
    await store.claim(claimOn(chain, { claimId }));
    await change(chain, claimId);
    expect(await store.commit(underClaim(chain, claimId))).toEqual({ kind: "refused" });
    expect((await readChain(database, chain.id)).version).toBe(0);
  });

  test("is judged when the row is free: a claim that ends while the commit waits moves nothing", async () => {
    const chain = await makeChain(database);
    const { claimId } = claimOn(chain);
    await store.claim(claimOn(chain, { claimId, termMs: 400 }));
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    await other.query("begin");
    await other.query("select from dispatcher.chain where id = $1 for update", [chain.id]);
    const late = store.commit(underClaim(chain, claimId));
    await expect
      .poll(async () => readClaim(database, { chainId: chain.id, claimId }), { timeout: 5000 })
      .toBeUndefined();
    await other.query("commit");
    await other.end();
    expect(await late).toEqual({ kind: "refused" });
  });
});

describe("a claim that lives", () => {
  test("is extended no further than a day after it was taken", async () => {
    const chain = await makeChain(database);
    const claim = claimOn(chain);
    await store.claim(claim);
    const ref = { chainId: chain.id, claimId: claim.claimId };
    await database.query(
      "update dispatcher.chain_claim set claim_time = clock_timestamp() - interval '23 hours' where chain_id = $1",
      [chain.id],
    );
    const extended = await extendClaim(database, ref, 86_400_000);
    expect(extended?.fencingToken).toBe(1);
    const leftMs = (extended?.expireTime.getTime() ?? 0) - Date.now();
    expect(leftMs).toBeGreaterThan(3_590_000);
    expect(leftMs).toBeLessThan(3_601_000);
    await expire(chain);
    expect(await extendClaim(database, ref, 1000)).toBeUndefined();
    expect(await endClaim(database, { ...ref, kind: "CALLBACK_FAILED", reason: "" })).toBe(false);
  });
});

test("the message of a move lies in the outbox with the token that the move gave, exactly when the move was made", async () => {
  const chain = await makeChain(database);
  await store.claim(claimOn(chain));
  await expire(chain);
  const message = Uint8Array.from([0, 1, 255]);
  const moves = [moveOf(chain, { message }), moveOf(chain, { message })];
  const results = await Promise.all(moves.map((move) => store.commit(move)));
  expect(results.map(({ kind }) => kind).sort()).toEqual(["moved", "refused"]);
  const rows = await database.read<{ body: Buffer }>(
    "select version::int, chain_type, transition, fencing_token::int, body, state from dispatcher.outbox_message where chain_id = $1",
    [chain.id],
  );
  expect(rows).toEqual([
    {
      version: 1,
      chain_type: "order",
      transition: "pay",
      fencing_token: 2,
      body: Buffer.from(message),
      state: "PENDING",
    },
  ]);
});

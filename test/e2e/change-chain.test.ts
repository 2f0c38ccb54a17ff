import { randomUUID } from "node:crypto";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ChainEventKind } from "../../gen/ts/dispatcher/v1/chain_event_pb.ts";
import { Match } from "../../gen/ts/dispatcher/v1/chain_pb.ts";
import { reasonOf } from "../support/client.ts";
import { listeners, type Served, serve } from "../support/served.ts";

let served: Served;
beforeAll(async () => {
  served = await serve();
  await served.over.gRPC.registry.registerChainType({
    chainType: {
      name: "order",
      transitions: [
        { name: "pay", finalState: "paid" },
        { name: "ship", finalState: "done" },
      ],
      states: [
        { name: "new", transitions: ["pay"] },
        { name: "paid", transitions: ["ship"] },
      ],
    },
  });
});
afterAll(() => served.end());

const mapping = (resourceType: string, resourceId: string = randomUUID()) => ({ resourceType, resourceId });
type Mapping = ReturnType<typeof mapping>;
const keyOf = (...resources: Mapping[]) => ({ chainType: "order", resources });
const byKey = (...resources: Mapping[]) => ({ value: { case: "key" as const, value: keyOf(...resources) } });
const byId = (id: string) => ({ value: { case: "id" as const, value: id } });
const who = { requestedBy: "admin", reason: "because ü" };

async function refusal(call: Promise<unknown>): Promise<[string, string]> {
  return call.then(
    () => ["OK", ""],
    (error: unknown) => [Code[ConnectError.from(error).code] ?? "", reasonOf(error)],
  );
}

describe.each(listeners)("over %s", (listener) => {
  const api = () => served.over[listener].dispatcher;
  async function make(...resources: Mapping[]) {
    const { chain } = await api().getOrCreateChain({ key: keyOf(...resources) });
    return { id: chain?.id ?? "", ref: byId(chain?.id ?? "") };
  }
  const history = async (id: string) =>
    (await api().listChainEvents({ chain: byId(id) })).events.map(({ kind, version }) => [
      kind,
      Number(version),
    ]);

  test("SUBSET: the exact set first, then the only one that includes it, else a new one; several are ambiguous", async () => {
    const [a, b, c] = [mapping("a"), mapping("b"), mapping("c")];
    const ab = await make(a, b);
    const subset = (...resources: Mapping[]) => ({ key: { ...keyOf(...resources), match: Match.SUBSET } });
    expect((await api().getOrCreateChain(subset(a))).chain?.id).toBe(ab.id);
    const abc = await make(a, b, c);
    const error = await api()
      .getOrCreateChain(subset(a))
      .then(() => undefined, ConnectError.from);
    expect([error?.code, reasonOf(error)]).toEqual([Code.FailedPrecondition, "AMBIGUOUS_MATCH"]);
    for (const { id } of [ab, abc]) expect(error?.rawMessage).toContain(id);
    expect((await api().getOrCreateChain(subset(b, a))).chain?.id).toBe(ab.id);
    const created = await api().getOrCreateChain(subset(mapping("z")));
    expect(created.created).toBe(true);
  });

  test("UpdateChain changes what the mask names, and writes a note", async () => {
    const { id, ref } = await make(mapping("order"));
    const time = timestampFromMs(Date.now() + 60_000);
    const update = { ...who, chain: ref, nextUpdateTime: time, disabled: true };
    expect(
      (await api().updateChain({ ...update, updateMask: { paths: ["next_update_time"] } })).chain,
    ).toMatchObject({
      disabled: false,
      nextUpdateTime: time,
      version: 0n,
    });
    const both = { paths: ["disabled", "next_update_time"] };
    const changed = await api().updateChain({ chain: ref, disabled: true, updateMask: both });
    expect(changed.chain).toMatchObject({ disabled: true });
    expect(changed.chain?.nextUpdateTime).toBeUndefined();
    const { events } = await api().listChainEvents({ chain: ref });
    expect(events).toMatchObject([
      { kind: ChainEventKind.UPDATED, version: 0n, requestedBy: "admin", reason: "because ü" },
      { kind: ChainEventKind.UPDATED },
    ]);
    expect(await refusal(api().updateChain({ ...update, updateMask: { paths: ["state"] } }))).toEqual([
      "InvalidArgument",
      "INVALID_REQUEST",
    ]);
    expect(await refusal(api().updateChain({ ...update, updateMask: both, expectedVersion: 1n }))).toEqual([
      "FailedPrecondition",
      "VERSION_MISMATCH",
    ]);
    expect(await history(id)).toHaveLength(2);
  });

  test("SetChainState is a move like any other, and ends a claim", async () => {
    const { id, ref } = await make(mapping("order"));
    await served.database.query(
      "update dispatcher.chain set claim_id = $2, claim_expiry = clock_timestamp() + interval '1 hour' where id = $1",
      [id, randomUUID()],
    );
    const { chain, event } = await api().setChainState({
      ...who,
      chain: ref,
      state: "paid",
      expectedVersion: 0n,
    });
    expect(chain).toMatchObject({ state: "paid", version: 1n });
    expect(chain?.claimExpireTime).toBeUndefined();
    expect(event).toMatchObject({
      kind: ChainEventKind.STATE_SET,
      fromState: "new",
      finalState: "paid",
      version: 1n,
      ...who,
    });
    expect(await refusal(api().setChainState({ chain: ref, state: "paid", expectedVersion: 0n }))).toEqual([
      "FailedPrecondition",
      "VERSION_MISMATCH",
    ]);
    expect(await refusal(api().setChainState({ chain: ref, state: "lost" }))).toEqual([
      "NotFound",
      "STATE_NOT_FOUND",
    ]);
    expect((await api().setChainState({ chain: ref, state: "done" })).chain).toMatchObject({
      final: true,
      version: 2n,
    });
  });

  test("an expired claim is noted once, by the write that comes next", async () => {
    const [a, b] = [mapping("a"), mapping("b")];
    const { id, ref } = await make(a);
    await served.database.query(
      "update dispatcher.chain set claim_id = $2, claim_expiry = clock_timestamp() - interval '1 s' where id = $1",
      [id, randomUUID()],
    );
    const updateMask = { paths: ["disabled"] };
    await api().updateChain({ chain: ref, updateMask });
    await api().updateChain({ chain: ref, updateMask });
    await api().addChainResources({ chain: ref, resources: [b] });
    expect((await history(id)).map(([kind]) => kind).sort()).toEqual(
      [
        ChainEventKind.CLAIM_EXPIRED,
        ChainEventKind.UPDATED,
        ChainEventKind.UPDATED,
        ChainEventKind.RESOURCES_ADDED,
      ].sort(),
    );
  });

  test("AddChainResources changes the key, not the version; the old set makes a new chain", async () => {
    const [a, b] = [mapping("a"), mapping("b")];
    const { id, ref } = await make(a);
    const added = await api().addChainResources({ ...who, chain: ref, resources: [b, a] });
    expect(added.chain).toMatchObject({ id, version: 0n, resources: [a, b] });
    expect((await api().getChain({ chain: byKey(b, a) })).chain?.id).toBe(id);
    expect((await api().getOrCreateChain({ key: keyOf(a) })).created).toBe(true);
    expect(await refusal(api().addChainResources({ chain: byKey(a), resources: [b] }))).toEqual([
      "AlreadyExists",
      "RESOURCES_TAKEN",
    ]);
    await api().addChainResources({ chain: ref, resources: [a] });
    expect(await history(id)).toEqual([[ChainEventKind.RESOURCES_ADDED, 0]]);
    const many = Array.from({ length: 31 }, (_, index) => mapping(`more-${index}`));
    expect(await refusal(api().addChainResources({ chain: ref, resources: many }))).toEqual([
      "InvalidArgument",
      "INVALID_REQUEST",
    ]);
  });

  test("two additions at once are both made", async () => {
    const { id, ref } = await make(mapping("a"));
    const more = Array.from({ length: 4 }, (_, index) => mapping(`more-${index}`));
    await Promise.all(more.map((resource) => api().addChainResources({ chain: ref, resources: [resource] })));
    expect((await api().getChain({ chain: ref })).chain?.resources).toHaveLength(5);
    expect(await history(id)).toHaveLength(4);
  });

  test("DeleteChain frees the key, keeps the history, and waits for a living claim unless forced", async () => {
    const a = mapping("a");
    const { id, ref } = await make(a);
    await api().setChainState({ chain: ref, state: "paid" });
    await served.database.query(
      "update dispatcher.chain set claim_id = $2, claim_expiry = clock_timestamp() + interval '1 hour' where id = $1",
      [id, randomUUID()],
    );
    expect(await refusal(api().deleteChain({ chain: ref }))).toEqual(["Aborted", "CLAIMED"]);
    await api().deleteChain({ ...who, chain: ref, force: true });
    expect(await refusal(api().getChain({ chain: ref }))).toEqual(["NotFound", "CHAIN_NOT_FOUND"]);
    expect(await refusal(api().deleteChain({ chain: ref }))).toEqual(["NotFound", "CHAIN_NOT_FOUND"]);
    expect(await history(id)).toEqual([
      [ChainEventKind.STATE_SET, 1],
      [ChainEventKind.DELETED, 1],
    ]);
    const again = await api().getOrCreateChain({ key: keyOf(a) });
    expect(again).toMatchObject({ created: true });
    expect(again.chain?.id).not.toBe(id);
  });

  test("a history is read page by page, moves before the notes that saw them", async () => {
    const { id, ref } = await make(mapping("order"));
    for (const state of ["paid", "new", "paid"]) {
      await api().setChainState({ chain: ref, state });
      await api().updateChain({ chain: ref, updateMask: { paths: ["disabled"] }, disabled: true });
    }
    const all = await history(id);
    expect(
      all.map(([kind, version]) => `${kind === ChainEventKind.UPDATED ? "note" : "move"} ${version}`),
    ).toEqual(["move 1", "note 1", "move 2", "note 2", "move 3", "note 3"]);
    const paged: unknown[] = [];
    let pageToken = "";
    do {
      const page = await api().listChainEvents({ chain: ref, pageSize: 1, pageToken });
      paged.push(...page.events.map(({ kind, version }) => [kind, Number(version)]));
      pageToken = page.nextPageToken;
    } while (pageToken);
    expect(paged).toEqual(all);
  });
});

import { Code } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ChainEventKind } from "../../gen/ts/dispatcher/v1/chain_event_pb.ts";
import { CallbackMode } from "../../gen/ts/dispatcher/v1/chain_type_pb.ts";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import {
  type CallbackHost,
  type React,
  startGrpcCallback,
  startHttpCallback,
} from "../support/callback-host.ts";
import { expectRefusal } from "../support/client.ts";
import { byKey, type JudgedShop, keyOf, openJudgedShop, valid } from "../support/judged-shop.ts";

let shop: JudgedShop;
let react: React = () => ({ kind: "done" });
const hosts: CallbackHost[] = [];
beforeAll(async () => {
  shop = await openJudgedShop();
  shop.answer({ one: { ...valid, context: { mail: "a@b" } }, end: valid });
  hosts.push(
    await startGrpcCallback((call) => react(call)),
    await startHttpCallback((call) => react(call), { path: "/mail" }),
  );
});
afterEach(() => {
  react = () => ({ kind: "done" });
  for (const host of hosts) host.release();
});
afterAll(async () => {
  await Promise.all(hosts.map((host) => host.stop()));
  await shop.end();
});

const { dispatcher, registry } = {
  dispatcher: () => shop.over.gRPC.dispatcher,
  registry: () => shop.over.gRPC.registry,
};

describe.each([
  ["gRPC", 0],
  ["HTTP", 1],
])("a callback before the commit, over %s", (kind, index) => {
  const host = () => hosts[index] as CallbackHost;
  const type = `called over ${kind}`;
  beforeAll(async () => {
    await registry().registerChainType({
      chainType: {
        name: type,
        transitions: [
          { name: "one", finalState: "middle" },
          { name: "end", finalState: "done" },
        ],
        states: [
          { name: "new", transitions: ["one"] },
          { name: "middle", transitions: ["end"] },
        ],
        validator: { url: shop.host.url },
        callback: {
          endpoint: { url: host().url, timeout: { nanos: 500_000_000 } },
          mode: CallbackMode.BEFORE_COMMIT,
        },
      },
    });
  });

  async function makeChain() {
    const key = keyOf(type);
    const { chain } = await dispatcher().getOrCreateChain({ key });
    return { ref: byKey(key), id: chain?.id ?? "" };
  }
  const callsOf = (id: string) => host().calls.filter(({ request }) => request.chain?.id === id);
  const eventsOf = async (id: string) =>
    (await dispatcher().listChainEvents({ chain: { value: { case: "id", value: id } } })).events;
  const expire = (id: string) =>
    shop.database.query("update dispatcher.chain set claim_expiry = clock_timestamp() where id = $1", [id]);

  test("is called once under a claim, and then the chain moves", async () => {
    const { ref, id } = await makeChain();
    react = async () => {
      const { chain } = await dispatcher().getChain({ chain: ref });
      expect(chain).toMatchObject({ version: 0n });
      expect(chain?.claimExpireTime).toBeDefined();
      return { kind: "done" };
    };
    const answer = await dispatcher().execute({ chain: ref, requestedBy: "me", callbackContext: { n: 1 } });
    expect(answer).toMatchObject({ outcome: Outcome.TRANSITIONED, chain: { version: 1n, state: "middle" } });
    const [call, ...more] = callsOf(id);
    expect(more).toEqual([]);
    expect(call?.request).toMatchObject({
      fencingToken: 1n,
      chain: { id, chainType: type, state: "new", version: 0n },
      transition: { name: "one", fromState: "new", finalState: "middle", context: { mail: "a@b" } },
      callbackContext: { n: 1 },
      requestedBy: "me",
    });
    expect((await eventsOf(id)).map(({ kind: event }) => event)).toEqual([ChainEventKind.TRANSITIONED]);
  });

  test("that says no leaves the chain where it is, with a note and the trace of the attempt", async () => {
    const { ref, id } = await makeChain();
    react = () => ({ kind: "error", message: "mailbox full" });
    const answer = await dispatcher().execute({ chain: ref, requestedBy: "me" });
    expect(answer).toMatchObject({ outcome: Outcome.CALLBACK_FAILED, chain: { version: 0n, state: "new" } });
    expect(answer.event).toBeUndefined();
    const [note] = await eventsOf(id);
    expect(note).toMatchObject({
      kind: ChainEventKind.CALLBACK_FAILED,
      version: 0n,
      transition: "one",
      requestedBy: "me",
      reason: expect.stringContaining("mailbox full"),
    });
    react = () => ({ kind: "done" });
    const again = await dispatcher().execute({ chain: ref });
    expect(again).toMatchObject({ outcome: Outcome.TRANSITIONED, chain: { version: 1n } });
    const [first, second] = callsOf(id).map(({ request }) => request);
    expect(second?.deliveryId).toBe(first?.deliveryId);
    expect(second?.fencingToken).toBeGreaterThan(first?.fencingToken ?? 0n);
    await expect.poll(async () => (await dispatcher().getChain({ chain: ref })).lastAttempt).toBeUndefined();
  });

  test("that does not answer leaves its claim to expire, so that no second one runs beside it", async () => {
    const { ref, id } = await makeChain();
    react = () => ({ kind: "hang" });
    const request = { chain: ref, requestId: "r1" };
    const error = await expectRefusal(dispatcher().execute(request), Code.Unavailable, "CALLBACK_UNANSWERED");
    expect(error.rawMessage).toContain("did not answer within 500 ms");
    await expectRefusal(dispatcher().execute(request), Code.Aborted, "CLAIMED");
    expect(callsOf(id)).toHaveLength(1);
    react = () => ({ kind: "done" });
    await expire(id);
    const answer = await dispatcher().execute(request);
    expect(answer).toMatchObject({ outcome: Outcome.TRANSITIONED, chain: { version: 1n } });
    const [first, second] = callsOf(id).map(({ request: sent }) => sent);
    expect(second?.deliveryId).toBe(first?.deliveryId);
    expect((await eventsOf(id)).map(({ kind: event }) => event)).toEqual([
      ChainEventKind.CLAIM_EXPIRED,
      ChainEventKind.TRANSITIONED,
    ]);
    expect(await dispatcher().execute(request)).toEqual(answer);
  });

  test("whose claim was lost meanwhile has called, and moves nothing", async () => {
    const { ref, id } = await makeChain();
    react = async () => {
      await expire(id);
      await shop.database.query("update dispatcher.chain set disabled = true where id = $1", [id]);
      return { kind: "done" };
    };
    await expectRefusal(dispatcher().execute({ chain: ref }), Code.Aborted, "CLAIM_EXPIRED");
    expect((await dispatcher().getChain({ chain: ref })).chain).toMatchObject({ version: 0n });
  });

  test("is not begun when its caller's deadline is shorter than it may take", async () => {
    const { ref, id } = await makeChain();
    const call = dispatcher().execute({ chain: ref }, { timeoutMs: 300 });
    await expectRefusal(call, Code.DeadlineExceeded, "DEADLINE_EXCEEDED");
    expect(callsOf(id)).toEqual([]);
    const { chain, lastAttempt } = await dispatcher().getChain({ chain: ref });
    expect(chain?.claimExpireTime).toBeUndefined();
    await expect
      .poll(
        async () => (await dispatcher().getChain({ chain: ref })).lastAttempt?.reason ?? lastAttempt?.reason,
      )
      .toBe("DEADLINE_EXCEEDED");
  });

  test("goes on when its caller has gone", async () => {
    const { ref, id } = await makeChain();
    react = () => ({ kind: "hang" });
    const gone = new AbortController();
    const call = dispatcher().execute({ chain: ref }, { signal: gone.signal });
    call.catch(() => undefined);
    await expect.poll(() => callsOf(id)).toHaveLength(1);
    gone.abort();
    host().release();
    await expect.poll(async () => (await dispatcher().getChain({ chain: ref })).chain?.version).toBe(1n);
  });

  test("is not called for done, nor by a dry run, nor for a caller that claims", async () => {
    const { ref, id } = await makeChain();
    await dispatcher().execute({ chain: ref, dryRun: true });
    const { claim } = await dispatcher().execute({ chain: ref, claim: true });
    await dispatcher().completeTransition({ token: claim?.token ?? "" });
    expect(await dispatcher().execute({ chain: ref })).toMatchObject({ chain: { state: "done" } });
    expect(callsOf(id)).toEqual([]);
  });

  test("of calls with one request id that race is called once", async () => {
    const { ref, id } = await makeChain();
    const asked = () => shop.host.calls.filter(({ chain }) => chain?.id === id).length;
    const all = Promise.withResolvers<void>();
    shop.answer({ one: () => all.promise.then(() => valid) });
    react = () => ({ kind: "hang" });
    const calls = Array.from({ length: 4 }, () => dispatcher().execute({ chain: ref, requestId: "r" }));
    const answers = Promise.allSettled(calls);
    await expect.poll(asked).toBe(4);
    all.resolve();
    await Promise.race(calls.map((call) => call.catch(() => undefined)));
    expect(callsOf(id)).toHaveLength(1);
    host().release();
    // One that asks once more after the move gets the recorded answer.
    const events = (await answers).flatMap((answer) =>
      answer.status === "fulfilled" ? [answer.value.event?.id] : [],
    );
    expect(new Set(events).size).toBe(1);
    expect(callsOf(id)).toHaveLength(1);
    shop.answer({ one: { ...valid, context: { mail: "a@b" } }, end: valid });
  });

  test("of executions that race is called for one", async () => {
    const { ref, id } = await makeChain();
    const answers = await Promise.allSettled(
      Array.from({ length: 16 }, () => dispatcher().execute({ chain: ref, expectedVersion: 0n })),
    );
    expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(callsOf(id)).toHaveLength(1);
    expect(await eventsOf(id)).toHaveLength(1);
  });
});

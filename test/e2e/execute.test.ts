import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Outcome, Verdict } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { expectRefusal, reasonOf } from "../support/client.ts";
import { byKey, type JudgedShop, keyOf, openJudgedShop, valid } from "../support/judged-shop.ts";
import { listeners } from "../support/served.ts";

let shop: JudgedShop;
beforeAll(async () => {
  shop = await openJudgedShop();
});
afterAll(() => shop.end());

describe.each(listeners)("over %s", (listener) => {
  const api = () => shop.over[listener];

  test("the first valid transition in order is taken, and later ones are not asked", async () => {
    shop.answer({ two: { ...valid, context: { mail: "ü@x", n: 1.5, nothing: null } }, end: valid });
    const { ref, id } = await shop.makeChain(listener);
    const since = shop.host.calls.length;
    const answer = await api().dispatcher.execute({
      chain: ref,
      requestedBy: "me",
      initialContext: { a: [1] },
    });
    expect(shop.asked(since)).toEqual(["one", "two"]);
    expect(shop.host.calls.at(-1)).toMatchObject({
      transition: "two",
      fromState: "new",
      finalState: "middle",
      initialContext: { a: [1] },
      dryRun: false,
      requestedBy: "me",
      chain: { id, chainType: "plain", state: "new", version: 0n },
    });
    expect(answer).toMatchObject({
      outcome: Outcome.TRANSITIONED,
      chain: { id, state: "middle", version: 1n, final: false },
      transition: {
        name: "two",
        fromState: "new",
        finalState: "middle",
        context: { mail: "ü@x", n: 1.5, nothing: null },
      },
      event: { chainId: id, version: 1n, transition: "two", requestedBy: "me", revision: 1n },
    });
    expect(answer.evaluations).toMatchObject([
      { transition: "one", verdict: Verdict.INVALID, errors: ["not one"] },
      { transition: "two", verdict: Verdict.VALID },
    ]);
    expect(answer.event?.attemptId).toBe(shop.host.calls.at(-1)?.attemptId);
  });

  test("no valid transition is a normal answer, and leaves its trace", async () => {
    shop.answer({});
    const { ref } = await shop.makeChain(listener);
    const answer = await api().dispatcher.execute({ chain: ref, requestedBy: "cron" });
    expect(answer).toMatchObject({
      outcome: Outcome.NO_VALID_TRANSITION,
      chain: { version: 0n, state: "new" },
    });
    expect(answer.event).toBeUndefined();
    await expect
      .poll(async () => (await api().dispatcher.getChain({ chain: ref })).lastAttempt, { timeout: 5_000 })
      .toMatchObject({
        outcome: Outcome.NO_VALID_TRANSITION,
        requestedBy: "cron",
        version: 0n,
        evaluations: ["one", "two", "late", "end"].map((name) => ({
          transition: name,
          errors: [`not ${name}`],
        })),
      });
  });

  test("done is final: nobody is asked", async () => {
    shop.answer({ end: valid });
    const { ref } = await shop.makeChain(listener);
    expect((await api().dispatcher.execute({ chain: ref })).chain).toMatchObject({
      state: "done",
      final: true,
    });
    const since = shop.host.calls.length;
    expect(await api().dispatcher.execute({ chain: ref })).toMatchObject({ outcome: Outcome.ALREADY_FINAL });
    expect(shop.asked(since)).toEqual([]);
  });

  test("a dry run tells what would happen, and writes nothing", async () => {
    shop.answer({ two: valid });
    const { ref, id } = await shop.makeChain(listener);
    const answer = await api().dispatcher.execute({ chain: ref, dryRun: true, requestId: "ignored" });
    expect(answer).toMatchObject({
      outcome: Outcome.WOULD_TRANSITION,
      transition: { name: "two" },
      chain: { id, state: "new", version: 0n },
    });
    expect(shop.host.calls.at(-1)?.dryRun).toBe(true);
    const all = await api().dispatcher.execute({ chain: ref, dryRun: true, evaluateAll: true });
    expect(all.evaluations.map(({ transition }) => transition)).toEqual(["one", "two", "late", "end"]);
    expect(all.outcome).toBe(Outcome.WOULD_TRANSITION);
    expect((await api().dispatcher.listChainEvents({ chain: ref })).events).toEqual([]);
    const read = await api().dispatcher.getChain({ chain: ref });
    expect(read.chain?.version).toBe(0n);
    expect(read.lastAttempt).toBeUndefined();
  });

  test("a dry run with create_if_absent judges a chain that is not there, and does not make it", async () => {
    shop.answer({ one: valid });
    const key = keyOf();
    const answer = await api().dispatcher.execute({ chain: byKey(key), createIfAbsent: true, dryRun: true });
    expect(answer).toMatchObject({
      outcome: Outcome.WOULD_TRANSITION,
      chain: { id: "", state: "new", version: 0n },
    });
    await expectRefusal(api().dispatcher.getChain({ chain: byKey(key) }), Code.NotFound, "CHAIN_NOT_FOUND");
    await expectRefusal(api().dispatcher.execute({ chain: byKey(key) }), Code.NotFound, "CHAIN_NOT_FOUND");
    const real = await api().dispatcher.execute({ chain: byKey(key), createIfAbsent: true });
    expect(real.outcome).toBe(Outcome.TRANSITIONED);
  });

  test("a repeated request id gets the recorded answer, whatever the chain is now", async () => {
    shop.answer({ one: { ...valid, context: { k: "v" } }, end: valid });
    const { ref } = await shop.makeChain(listener);
    const request = { chain: ref, requestId: "r", initialContext: { b: 1, a: 2 }, requestedBy: "me" };
    const first = await api().dispatcher.execute(request);
    expect((await api().dispatcher.execute({ chain: ref })).chain?.state).toBe("done");
    const since = shop.host.calls.length;
    const again = await api().dispatcher.execute({ ...request, initialContext: { a: 2, b: 1 } });
    expect(again).toEqual(first);
    expect(shop.asked(since)).toEqual([]);
    await expectRefusal(
      api().dispatcher.execute({ ...request, initialContext: { a: 3 } }),
      Code.InvalidArgument,
      "REQUEST_ID_REUSED",
    );
    await shop.database.query("delete from dispatcher.chain where id = $1", [first.chain?.id]);
    const byId = { value: { case: "id" as const, value: first.chain?.id ?? "" } };
    expect(await api().dispatcher.execute({ ...request, chain: byId })).toEqual(first);
  });

  test.each([
    ["NOT_DUE", "next_update_time = clock_timestamp() + interval '1 hour'"],
    ["CHAIN_DISABLED", "disabled = true"],
    ["CLAIMED", "claim_id = id, claim_expiry = clock_timestamp() + interval '1 hour'"],
  ])(
    "a repeated request id gets the recorded answer where any other is refused: %s",
    async (reason, change) => {
      shop.answer({ one: valid });
      const { ref, id } = await shop.makeChain(listener);
      const request = { chain: ref, requestId: "r" };
      const first = await api().dispatcher.execute(request);
      expect(first.outcome).toBe(Outcome.TRANSITIONED);
      await shop.database.query(`update dispatcher.chain set ${change} where id = $1`, [id]);
      const other = api().dispatcher.execute({ chain: ref, requestId: "s" });
      expect(await other.catch(reasonOf)).toBe(reason);
      expect(await api().dispatcher.execute(request)).toEqual(first);
    },
  );

  test("what moved nothing is judged afresh under the same request id", async () => {
    shop.answer({});
    const { ref } = await shop.makeChain(listener);
    const request = { chain: ref, requestId: "r" };
    expect((await api().dispatcher.execute(request)).outcome).toBe(Outcome.NO_VALID_TRANSITION);
    shop.answer({ one: valid });
    expect((await api().dispatcher.execute(request)).outcome).toBe(Outcome.TRANSITIONED);
  });
});

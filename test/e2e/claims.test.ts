import { timestampMs, timestampNow } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ChainEventKind } from "../../gen/ts/dispatcher/v1/chain_event_pb.ts";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { expectRefusal } from "../support/client.ts";
import { type JudgedShop, openJudgedShop, valid } from "../support/judged-shop.ts";
import { listeners } from "../support/served.ts";

let shop: JudgedShop;
beforeAll(async () => {
  shop = await openJudgedShop();
  shop.answer({ one: { ...valid, context: { mail: "a@b" } }, end: valid });
});
afterAll(() => shop.end());

/** Lets a chain's claim end now, as time would. */
const expire = (id: string) =>
  shop.database.query("update dispatcher.chain set claim_expiry = clock_timestamp() where id = $1", [id]);

describe.each(listeners)("over %s", (listener) => {
  const { dispatcher } = { dispatcher: () => shop.over[listener].dispatcher };

  async function claim(requestId = "", seconds?: bigint) {
    const { ref, id } = await shop.makeChain(listener);
    const answer = await dispatcher().execute({
      chain: ref,
      claim: true,
      requestId,
      requestedBy: "me",
      ...(seconds && { claimDuration: { seconds } }),
    });
    expect(answer.outcome).toBe(Outcome.CLAIMED);
    return { ref, id, answer, token: answer.claim?.token ?? "" };
  }

  const eventsOf = async (id: string) => {
    const { events } = await dispatcher().listChainEvents({ chain: { value: { case: "id", value: id } } });
    return events;
  };

  test("a claim is answered with the decision, and the chain stays until it is completed", async () => {
    const { id, ref, answer, token } = await claim();
    expect(answer).toMatchObject({
      chain: { id, state: "new", version: 0n },
      transition: { name: "one", fromState: "new", finalState: "middle", context: { mail: "a@b" } },
      evaluations: [{ transition: "one" }],
      claim: { fencingToken: 1n },
    });
    expect(answer.event).toBeUndefined();
    const leftMs = timestampMs(answer.claim?.expireTime ?? timestampNow()) - Date.now();
    expect(leftMs).toBeGreaterThan(25_000);
    expect(leftMs).toBeLessThan(31_000);
    await expectRefusal(dispatcher().execute({ chain: ref }), Code.Aborted, "CLAIMED");
    const completed = await dispatcher().completeTransition({ token });
    expect(completed).toMatchObject({
      chain: { id, state: "middle", version: 1n },
      transition: { name: "one", context: { mail: "a@b" } },
      event: { version: 1n, requestedBy: "me", kind: ChainEventKind.TRANSITIONED },
    });
    expect(completed.chain?.claimExpireTime).toBeUndefined();
    expect(await dispatcher().completeTransition({ token })).toEqual(completed);
    expect(await eventsOf(id)).toHaveLength(1);
    const next = await dispatcher().execute({ chain: ref });
    expect(next).toMatchObject({ outcome: Outcome.TRANSITIONED, chain: { version: 2n } });
  });

  test("an abandoned claim leaves a note with why, and the chain to others", async () => {
    const { id, ref, token } = await claim();
    const abandoned = await dispatcher().abandonTransition({ token, errors: ["smtp is down", "twice"] });
    expect(abandoned.chain).toMatchObject({ id, state: "new", version: 0n });
    expect(abandoned.chain?.claimExpireTime).toBeUndefined();
    expect(await dispatcher().abandonTransition({ token })).toEqual(abandoned);
    expect(await eventsOf(id)).toMatchObject([
      {
        kind: ChainEventKind.CLAIM_ABANDONED,
        version: 0n,
        transition: "one",
        requestedBy: "me",
        reason: "smtp is down\ntwice",
      },
    ]);
    await expectRefusal(dispatcher().completeTransition({ token }), Code.Aborted, "CLAIM_EXPIRED");
    expect((await dispatcher().execute({ chain: ref })).outcome).toBe(Outcome.TRANSITIONED);
  });

  test("an expired claim is expired, taken over or not, and whoever writes the chain next notes it", async () => {
    const { id, ref, answer, token } = await claim();
    await expire(id);
    const late = [
      () => dispatcher().completeTransition({ token }),
      () => dispatcher().abandonTransition({ token }),
      () => dispatcher().extendClaim({ token }),
    ];
    for (const call of late) await expectRefusal(call(), Code.Aborted, "CLAIM_EXPIRED");
    expect(await eventsOf(id)).toEqual([]);
    const second = await dispatcher().execute({ chain: ref, claim: true });
    expect(second.claim?.fencingToken).toBe((answer.claim?.fencingToken ?? 0n) + 1n);
    expect(await eventsOf(id)).toMatchObject([{ kind: ChainEventKind.CLAIM_EXPIRED, version: 0n }]);
    await expectRefusal(dispatcher().completeTransition({ token }), Code.Aborted, "CLAIM_EXPIRED");
    await dispatcher().completeTransition({ token: second.claim?.token ?? "" });
    expect((await eventsOf(id)).map(({ kind }) => kind)).toEqual([
      ChainEventKind.CLAIM_EXPIRED,
      ChainEventKind.TRANSITIONED,
    ]);
  });

  test("an extension counts from now, a day after the claim at most", async () => {
    const { id, answer, token } = await claim("", 2n);
    const expiry = async (seconds?: bigint) => {
      const { claim: extended } = await dispatcher().extendClaim({
        token,
        ...(seconds && { duration: { seconds } }),
      });
      expect(extended).toMatchObject({ token: "", fencingToken: answer.claim?.fencingToken });
      return timestampMs(extended?.expireTime ?? timestampNow()) - Date.now();
    };
    expect(await expiry(3600n)).toBeGreaterThan(3_590_000);
    expect(await expiry()).toBeLessThan(2_500);
    await shop.database.query(
      "update dispatcher.chain_claim set claim_time = clock_timestamp() - interval '23 hours' where chain_id = $1",
      [id],
    );
    expect(await expiry(86_400n)).toBeLessThan(3_600_500);
    expect((await dispatcher().completeTransition({ token })).chain?.version).toBe(1n);
  });

  test("the same request id gets the same token while the claim lives, and the recorded answer once it is completed", async () => {
    const { ref, answer, token } = await claim("once");
    const request = { chain: ref, claim: true, requestId: "once", requestedBy: "me" };
    expect(await dispatcher().execute(request)).toEqual(answer);
    await expectRefusal(
      dispatcher().execute({ ...request, requestedBy: "you" }),
      Code.InvalidArgument,
      "REQUEST_ID_REUSED",
    );
    const completed = await dispatcher().completeTransition({ token });
    const again = await dispatcher().execute(request);
    expect(again).toMatchObject({ outcome: Outcome.TRANSITIONED, event: completed.event });
  });

  test("to done there is no claim: the chain moves at once", async () => {
    const { ref } = await shop.makeChain(listener);
    await dispatcher().execute({ chain: ref });
    const answer = await dispatcher().execute({ chain: ref, claim: true });
    expect(answer).toMatchObject({ outcome: Outcome.TRANSITIONED, chain: { state: "done" } });
    expect(answer.claim).toBeUndefined();
  });

  test("a disabled chain is still completed by the claim that lived before; SetChainState ends it", async () => {
    const byId = (id: string) => ({ value: { case: "id" as const, value: id } });
    const first = await claim();
    await dispatcher().updateChain({
      chain: byId(first.id),
      updateMask: { paths: ["disabled"] },
      disabled: true,
    });
    expect((await dispatcher().completeTransition({ token: first.token })).chain).toMatchObject({
      version: 1n,
      disabled: true,
    });
    const second = await claim();
    await dispatcher().setChainState({ chain: byId(second.id), state: "middle" });
    await expectRefusal(
      dispatcher().completeTransition({ token: second.token }),
      Code.Aborted,
      "CLAIM_EXPIRED",
    );
  });

  test.each([
    ["empty", "", Code.InvalidArgument, "INVALID_REQUEST"],
    ["too short", "x", Code.InvalidArgument, "INVALID_REQUEST"],
    ["of no ids", Buffer.alloc(32, 0xee).toString("base64url"), Code.InvalidArgument, "INVALID_REQUEST"],
    ["with bits to spare", "a".repeat(43), Code.InvalidArgument, "INVALID_REQUEST"],
    ["of nobody's claim", Buffer.alloc(32).toString("base64url"), Code.Aborted, "CLAIM_EXPIRED"],
  ])("a forged token (%s) moves nothing", async (_, token, code, reason) => {
    await expectRefusal(dispatcher().completeTransition({ token }), code, reason);
  });

  test("of claims that race for one chain one is taken", async () => {
    const { ref, id } = await shop.makeChain(listener);
    const answers = await Promise.allSettled(
      Array.from({ length: 16 }, () => dispatcher().execute({ chain: ref, claim: true })),
    );
    const taken = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
    expect(taken).toHaveLength(1);
    expect(
      (await dispatcher().completeTransition({ token: taken[0]?.claim?.token ?? "" })).chain,
    ).toMatchObject({
      id,
      version: 1n,
    });
  });
});

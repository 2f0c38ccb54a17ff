import { randomUUID } from "node:crypto";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { Verdict as Answer } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { RetryInfoSchema } from "../../gen/ts/google/rpc/error_details_pb.ts";
import { expectRefusal } from "../support/client.ts";
import { type JudgedShop, openJudgedShop, valid } from "../support/judged-shop.ts";
import { listeners } from "../support/served.ts";

let shop: JudgedShop;
beforeAll(async () => {
  shop = await openJudgedShop();
});
afterAll(() => shop.end());

describe.each(listeners)("over %s", (listener) => {
  const api = () => shop.over[listener];

  test("next_update_time: not due before, unless the schedule is ignored", async () => {
    shop.answer({ late: valid, end: valid });
    const { ref } = await shop.makeChain(listener);
    const moved = await api().dispatcher.execute({ chain: ref });
    const waits = Number(moved.chain?.nextUpdateTime?.seconds) - Number(moved.event?.time?.seconds);
    expect(waits).toBe(3600);
    const error = await expectRefusal(
      api().dispatcher.execute({ chain: ref }),
      Code.FailedPrecondition,
      "NOT_DUE",
    );
    expect(Number(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds)).toBeGreaterThan(3500);
    expect((await api().dispatcher.execute({ chain: ref, ignoreSchedule: true })).chain?.state).toBe("done");
  });

  test("the validator's next_update_time wins over the delay", async () => {
    const time = timestampFromMs(Date.now() + 60_000);
    shop.answer({ late: { ...valid, nextUpdateTime: time } });
    const { ref } = await shop.makeChain(listener);
    expect((await api().dispatcher.execute({ chain: ref })).chain?.nextUpdateTime).toEqual(time);
  });

  test("not_before: held, with its last errors, until then; others are still asked", async () => {
    const notBefore = timestampFromMs(Date.now() + 60_000);
    shop.answer({ one: { verdict: Answer.INVALID, errors: ["too early"], notBefore } });
    const { ref } = await shop.makeChain(listener);
    await api().dispatcher.execute({ chain: ref });
    const since = shop.host.calls.length;
    const held = await api().dispatcher.execute({ chain: ref });
    expect(shop.asked(since)).toEqual(["two", "late", "end"]);
    expect(held.evaluations[0]).toMatchObject({
      transition: "one",
      held: true,
      errors: ["too early"],
      deferredUntil: notBefore,
    });
    const all = await api().dispatcher.execute({ chain: ref, dryRun: true, evaluateAll: true });
    expect(all.evaluations[0]).toMatchObject({ transition: "one", held: false });
    shop.answer({ one: valid });
    expect((await api().dispatcher.execute({ chain: ref, ignoreSchedule: true })).transition?.name).toBe(
      "one",
    );
  });

  test("a hold is of one version: after a move the transition is asked again", async () => {
    const notBefore = timestampFromMs(Date.now() + 60_000);
    shop.answer({ end: { verdict: Answer.INVALID, errors: ["too early"], notBefore } });
    const { ref } = await shop.makeChain(listener);
    await api().dispatcher.execute({ chain: ref });
    await api().dispatcher.setChainState({ chain: ref, state: "middle" });
    shop.answer({ end: valid });
    expect((await api().dispatcher.execute({ chain: ref })).chain?.state).toBe("done");
  });

  test("a hold is of one revision: under a new one the transition is asked again", async () => {
    const notBefore = timestampFromMs(Date.now() + 60_000);
    const definition = {
      name: `revised-${listener}`,
      validator: { url: shop.host.url },
      transitions: [{ name: "one", finalState: "done" }],
      states: [{ name: "new", transitions: ["one"] }],
    };
    await shop.over[listener].registry.registerChainType({ chainType: definition });
    shop.answer({ one: { verdict: Answer.INVALID, errors: ["too early"], notBefore } });
    const { ref } = await shop.makeChain(listener, definition.name);
    await api().dispatcher.execute({ chain: ref });
    shop.answer({ one: valid });
    const held = await api().dispatcher.execute({ chain: ref });
    expect(held.evaluations).toMatchObject([{ held: true }]);
    const transitions = [...definition.transitions, { name: "two", finalState: "done" }];
    const revised = { ...definition, transitions, states: [{ name: "new", transitions: ["one", "two"] }] };
    await shop.over[listener].registry.registerChainType({ chainType: revised });
    expect((await api().dispatcher.execute({ chain: ref })).transition?.name).toBe("one");
  });

  test("refused before anybody is asked: disabled, another version, claimed by someone else", async () => {
    shop.answer({ one: valid });
    const { ref, id } = await shop.makeChain(listener);
    const since = shop.host.calls.length;
    await expectRefusal(
      api().dispatcher.execute({ chain: ref, expectedVersion: 7n }),
      Code.FailedPrecondition,
      "VERSION_MISMATCH",
    );
    await api().dispatcher.updateChain({
      chain: ref,
      updateMask: { paths: ["disabled"] },
      disabled: true,
      reason: "stop",
    });
    await expectRefusal(api().dispatcher.execute({ chain: ref }), Code.FailedPrecondition, "CHAIN_DISABLED");
    await api().dispatcher.updateChain({ chain: ref, updateMask: { paths: ["disabled"] } });
    await shop.database.query(
      "update dispatcher.chain set claim_id = $2, claim_expiry = clock_timestamp() + interval '1 hour' where id = $1",
      [id, randomUUID()],
    );
    const error = await expectRefusal(api().dispatcher.execute({ chain: ref }), Code.Aborted, "CLAIMED");
    expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBe(1n);
    expect(shop.asked(since)).toEqual([]);
    expect((await api().dispatcher.execute({ chain: ref, dryRun: true })).outcome).toBe(
      Outcome.WOULD_TRANSITION,
    );
    await shop.database.query("update dispatcher.chain set claim_expiry = clock_timestamp() where id = $1", [
      id,
    ]);
    expect((await api().dispatcher.execute({ chain: ref, expectedVersion: 0n })).outcome).toBe(
      Outcome.TRANSITIONED,
    );
  });

  test("a caller's deadline ends the Execute, and the chain stays", async () => {
    shop.answer({ one: () => new Promise(() => undefined) });
    const { ref } = await shop.makeChain(listener);
    const error = await api()
      .dispatcher.execute({ chain: ref }, { timeoutMs: 150 })
      .then(() => undefined, ConnectError.from);
    expect(error?.code).toBe(Code.DeadlineExceeded);
    expect((await api().dispatcher.getChain({ chain: ref })).chain?.version).toBe(0n);
  });
});

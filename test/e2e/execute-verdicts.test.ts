import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  EvaluationErrorReason,
  EvaluationReportSchema,
  Outcome,
  Verdict,
} from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { expectRefusal } from "../support/client.ts";
import { type JudgedShop, openJudgedShop, valid } from "../support/judged-shop.ts";
import { listeners } from "../support/served.ts";
import type { ValidateResponseInit } from "../support/validator-host.ts";

let shop: JudgedShop;
beforeAll(async () => {
  shop = await openJudgedShop();
});
afterAll(() => shop.end());

describe.each(listeners)("over %s", (listener) => {
  const api = () => shop.over[listener];

  test.each<
    [
      string,
      ValidateResponseInit | (() => Promise<ValidateResponseInit>),
      Code,
      string,
      EvaluationErrorReason,
    ]
  >([
    [
      "throws",
      () => Promise.reject(new Error("boom")),
      Code.Unavailable,
      "VALIDATOR_UNAVAILABLE",
      EvaluationErrorReason.FAILED,
    ],
    [
      "never answers",
      () => new Promise(() => undefined),
      Code.Unavailable,
      "VALIDATOR_UNAVAILABLE",
      EvaluationErrorReason.TIMEOUT,
    ],
    ["gives no verdict", {}, Code.FailedPrecondition, "VALIDATOR_BROKEN", EvaluationErrorReason.NO_VERDICT],
    [
      "answers U+0000",
      { ...valid, context: { a: "\0" } },
      Code.FailedPrecondition,
      "VALIDATOR_BROKEN",
      EvaluationErrorReason.NOT_STORABLE,
    ],
  ])(
    "a validator that %s stops the Execute: the chain stays, every verdict so far is reported",
    async (_, two, code, reason, kind) => {
      shop.answer({ two, end: valid });
      const { ref } = await shop.makeChain(listener);
      const since = shop.host.calls.length;
      const error = await expectRefusal(api().dispatcher.execute({ chain: ref }), code, reason);
      expect(shop.asked(since)).toEqual(["one", "two"]);
      const [report] = error.findDetails(EvaluationReportSchema);
      expect(report?.evaluations).toMatchObject([
        { transition: "one", verdict: Verdict.INVALID },
        { transition: "two", verdict: Verdict.ERROR, errorReason: kind },
      ]);
      expect((await api().dispatcher.execute({ chain: ref, dryRun: true })).outcome).toBe(Outcome.WOULD_FAIL);
      await expect
        .poll(async () => (await api().dispatcher.getChain({ chain: ref })).lastAttempt?.reason, {
          timeout: 5_000,
        })
        .toBe(reason);
    },
  );

  test("an error under SKIP is recorded, and the next transition asked", async () => {
    shop.answer({ one: () => Promise.reject(new Error("boom")), two: valid });
    const { ref } = await shop.makeChain(listener, "skipping");
    const answer = await api().dispatcher.execute({ chain: ref });
    expect(answer.transition?.name).toBe("two");
    expect(answer.event?.evaluations).toMatchObject([{ verdict: Verdict.ERROR }, { verdict: Verdict.VALID }]);
  });

  test("a transition without a validator is an error, not a no", async () => {
    const { ref } = await shop.makeChain(listener, "nobody");
    await expectRefusal(
      api().dispatcher.execute({ chain: ref }),
      Code.FailedPrecondition,
      "VALIDATOR_NOT_REGISTERED",
    );
    shop.answer({ one: valid });
    const own = await api().dispatcher.execute({ chain: ref, validatorEndpoint: shop.host.url });
    expect(own.outcome).toBe(Outcome.TRANSITIONED);
    await expectRefusal(
      api().dispatcher.execute({ chain: ref, validatorEndpoint: "grpc://example.com:50051" }),
      Code.PermissionDenied,
      "ENDPOINT_NOT_ALLOWED",
    );
  });

  test("PARALLEL asks all at once; the first in order still wins", async () => {
    let release: (() => void) | undefined;
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    shop.answer({
      one: async () => {
        await slow;
        return valid;
      },
      two: valid,
      end: valid,
    });
    const { ref } = await shop.makeChain(listener, "parallel");
    const since = shop.host.calls.length;
    const execution = api().dispatcher.execute({ chain: ref });
    await expect.poll(() => shop.asked(since).sort()).toEqual(["end", "late", "one", "two"]);
    release?.();
    const answer = await execution;
    expect(answer.transition?.name).toBe("one");
    expect(answer.evaluations.map(({ transition }) => transition)).toEqual(["one"]);
  });
});

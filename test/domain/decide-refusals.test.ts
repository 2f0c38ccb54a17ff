import { describe, expect, it } from "vitest";
import type { Chain } from "../../src/domain/chain.ts";
import { claimed, type Situation } from "../../src/domain/decide.ts";
import { asked, chain, decideWith, later, now, valid } from "./situations.ts";

/** Every obstacle of R3, in its order: what the chain must be like, and what the call must be like. */
const obstacles: readonly {
  readonly reason: string;
  readonly chain: Partial<Chain>;
  readonly call?: Partial<Situation>;
}[] = [
  { reason: "CHAIN_DISABLED", chain: { disabled: true } },
  { reason: "VERSION_MISMATCH", chain: {}, call: { expectedVersion: 2 } },
  { reason: "NOT_DUE", chain: { nextUpdateTime: later } },
  { reason: "CLAIMED", chain: { claimExpireTime: later } },
  { reason: "HISTORY_FULL", chain: { version: 51_200 } },
];

function refusalOf(change: Partial<Situation>) {
  const decision = decideWith(change, { two_days: valid });
  return decision.kind === "refuse" ? decision.refusal : undefined;
}

describe("refusals before anybody is asked", () => {
  it.each(obstacles)("$reason", ({ reason, chain: change, call }) => {
    expect(refusalOf({ chain: chain(change), ...call })?.reason).toBe(reason);
  });

  it.each(obstacles.map(({ reason }, index) => ({ reason, rest: obstacles.slice(index) })))(
    "$reason goes before all that follow it",
    ({ reason, rest }) => {
      const change = Object.assign({}, ...rest.map((obstacle) => obstacle.chain)) as Partial<Chain>;
      const call = Object.assign({}, ...rest.map((obstacle) => obstacle.call ?? {})) as Partial<Situation>;
      expect(refusalOf({ chain: chain(change), ...call })?.reason).toBe(reason);
    },
  );

  it("a final chain is final, whatever else is the matter with it", () => {
    const change = Object.assign({ state: "done" }, ...obstacles.map((obstacle) => obstacle.chain));
    expect(decideWith({ chain: chain(change), expectedVersion: 2 }, {})).toEqual({ kind: "final" });
  });

  it("dry_run ignores a claim, and nothing else", () => {
    const kept = obstacles.map(({ chain: change, call }) =>
      refusalOf({ chain: chain(change), ...call, dryRun: true }),
    );
    expect(kept.map((refusal) => refusal?.reason)).toEqual([
      "CHAIN_DISABLED",
      "VERSION_MISMATCH",
      "NOT_DUE",
      undefined,
      "HISTORY_FULL",
    ]);
  });

  it("ignore_schedule ignores the due time, and nothing else", () => {
    const kept = obstacles.map(({ chain: change, call }) =>
      refusalOf({ chain: chain(change), ...call, ignoreSchedule: true }),
    );
    expect(kept.map((refusal) => refusal?.reason)).toEqual([
      "CHAIN_DISABLED",
      "VERSION_MISMATCH",
      undefined,
      "CLAIMED",
      "HISTORY_FULL",
    ]);
  });

  it("the expected version is no obstacle, version 0 included", () => {
    expect(refusalOf({ expectedVersion: 3 })).toBeUndefined();
    expect(refusalOf({ chain: chain({ version: 0 }), expectedVersion: 0 })).toBeUndefined();
    expect(refusalOf({ chain: chain({ version: 1 }), expectedVersion: 0 })?.reason).toBe("VERSION_MISMATCH");
  });

  it("a chain is due at its time, not after it", () => {
    expect(refusalOf({ chain: chain({ nextUpdateTime: now }) })).toBeUndefined();
    expect(refusalOf({ chain: chain({ nextUpdateTime: new Date(now.getTime() + 1) }) })?.reason).toBe(
      "NOT_DUE",
    );
  });
});

describe("what a refusal tells", () => {
  it("NOT_DUE: when, and how long that is", () => {
    expect(refusalOf({ chain: chain({ nextUpdateTime: later }) })?.details).toEqual({
      metadata: { chain_id: "chain-1", next_update_time: "2026-03-01T12:00:05.000Z" },
      retryAfterMs: 5000,
    });
  });

  it("VERSION_MISMATCH: both versions", () => {
    const refusal = refusalOf({ expectedVersion: 7 });
    expect(refusal?.details.metadata).toEqual({ chain_id: "chain-1", version: "3", expected_version: "7" });
  });

  it.each([
    [5000, 1000],
    [400, 400],
    [0, 0],
    [-20, 0],
  ])("CLAIMED: a claim with %i ms left is to be waited for %i ms", (left, retryAfterMs) => {
    expect(claimed("chain-1", left).details.retryAfterMs).toBe(retryAfterMs);
  });

  it("HISTORY_FULL: the limit and the remedy", () => {
    const refusal = refusalOf({ chain: chain({ version: 51_200 }) });
    expect(refusal?.message).toBe(
      "Chain chain-1 has made 51200 moves; 51200 is the most. Delete it with DeleteChain, which keeps its events, and create it anew.",
    );
    expect(refusal?.details.metadata).toEqual({ chain_id: "chain-1", version: "51200", limit: "51200" });
  });
});

it("the last move that a history has room for is made", () => {
  expect(asked(decideWith({ chain: chain({ version: 51_199 }) }, {}))).toEqual(["two_days"]);
});

import type { Chain } from "../domain/chain.ts";
import type { ChainEvent, RecordedMove } from "../domain/chain-event.ts";
import type { Claim, ClaimedTransition } from "../domain/claim.ts";
import type { Evaluation } from "../domain/evaluation.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Judgement } from "./judge.ts";

export interface ExecuteResult {
  readonly outcome:
    | "TRANSITIONED"
    | "NO_VALID_TRANSITION"
    | "ALREADY_FINAL"
    | "WOULD_TRANSITION"
    | "WOULD_FAIL"
    | "CLAIMED"
    | "CALLBACK_FAILED";
  readonly chain: Chain;
  readonly transition?:
    | {
        readonly name: string;
        readonly fromState: string;
        readonly finalState: string;
        readonly context: JsonObject;
      }
    | undefined;
  readonly evaluations: readonly Evaluation[];
  readonly event?: ChainEvent | undefined;
  /** With CLAIMED. */
  readonly claim?: Claim | undefined;
}

/** What the caller of a move is told, at the first time and at every repetition. */
export function resultOfMove({ event, chainAfter }: RecordedMove): ExecuteResult {
  const { transition = "", fromState = "", finalState = "", context = {}, evaluations } = event;
  return {
    outcome: "TRANSITIONED",
    chain: chainAfter,
    transition: { name: transition, fromState, finalState, context },
    evaluations,
    event,
  };
}

/** What the caller that takes a claim is told, at the first time and while the claim lives. */
export function resultOfClaim({ claim, decided }: ClaimedTransition): ExecuteResult {
  const { chain, transition, finalState, context, evaluations } = decided;
  return {
    outcome: "CLAIMED",
    chain: { ...chain, claimExpireTime: claim.expireTime },
    transition: { name: transition, fromState: chain.state, finalState, context },
    evaluations,
    claim,
  };
}

/** What would have happened. Nothing was written, and an unusable validator is no error (R8). */
export function resultOfDryRun(judgement: Judgement, chain: Chain): ExecuteResult {
  switch (judgement.kind) {
    case "refuse":
    case "interrupted":
      throw judgement.refusal;
    case "final":
      return { outcome: "ALREADY_FINAL", chain, evaluations: [] };
    case "stop":
      return { outcome: "WOULD_FAIL", chain, evaluations: judgement.evaluations };
    case "hold":
      return { outcome: "NO_VALID_TRANSITION", chain, evaluations: judgement.evaluations };
    case "advance": {
      const { transition, verdict, evaluations } = judgement;
      const { name, finalState } = transition;
      const taken = { name, fromState: chain.state, finalState, context: verdict.context };
      return { outcome: "WOULD_TRANSITION", chain, transition: taken, evaluations };
    }
  }
}

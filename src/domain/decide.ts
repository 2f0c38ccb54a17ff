import type { Chain } from "./chain.ts";
import { type ChainType, type Transition, transitionsFrom } from "./chain-type.ts";
import { type Evaluation, evaluationOf } from "./evaluation.ts";
import { evaluationOfHold, type Hold, holdInForce } from "./hold.ts";
import { Refusal } from "./refusal.ts";
import { stopReason, type Valid, type Verdict } from "./verdict.ts";

/** What one Execute knows before it asks anybody. */
export interface Situation {
  readonly chain: Chain;
  readonly chainType: ChainType;
  readonly holds: readonly Hold[];
  /** The database's clock when the chain was read: one Execute judges at one time. */
  readonly now: Date;
  readonly dryRun: boolean;
  readonly evaluateAll: boolean;
  readonly ignoreSchedule: boolean;
  readonly expectedVersion?: number | undefined;
}

/** What to do next. */
export type Decision =
  /** Verdicts on these transitions are missing. */
  { readonly kind: "ask"; readonly transitions: readonly Transition[] } | FinalDecision;

/** What ends an Execute. */
export type FinalDecision =
  | { readonly kind: "refuse"; readonly refusal: Refusal }
  | { readonly kind: "final" }
  | {
      readonly kind: "advance";
      readonly transition: Transition;
      readonly verdict: Valid;
      readonly evaluations: readonly Evaluation[];
    }
  /** No transition is valid now. */
  | { readonly kind: "hold"; readonly evaluations: readonly Evaluation[] }
  /** It could not be told which transition comes first. */
  | { readonly kind: "stop"; readonly refusal: Refusal; readonly evaluations: readonly Evaluation[] };

/**
 * Decides one Execute, asked again with one more verdict each time. Order, first-valid-wins (R5) and error policy (R6) live
 * here and nowhere else.
 */
export function decide(situation: Situation, verdicts: ReadonlyMap<string, Verdict>): Decision {
  const { chain, chainType } = situation;
  const transitions = transitionsFrom(chainType, chain.state);
  if (transitions.length === 0) return { kind: "final" };
  const refusal = refuse(situation);
  if (refusal) return { kind: "refuse", refusal };

  const evaluations: Evaluation[] = [];
  let decision: Decision | undefined;
  for (const transition of transitions) {
    const hold =
      situation.ignoreSchedule || situation.evaluateAll ? undefined : holdOf(situation, transition);
    if (hold) {
      evaluations.push(evaluationOfHold(hold));
      continue;
    }
    const verdict = verdicts.get(transition.name);
    if (!verdict) return ask(situation, transitions, transition, verdicts);
    evaluations.push(evaluationOf(transition.name, verdict));
    decision ??= deciding(chain, transition, verdict, evaluations);
    if (decision && !situation.evaluateAll) return decision;
  }
  return decision ?? { kind: "hold", evaluations };
}

/** The decision that this verdict makes, if it makes one, once all before it are known. */
function deciding(
  chain: Chain,
  transition: Transition,
  verdict: Verdict,
  evaluations: readonly Evaluation[],
): Decision | undefined {
  if (verdict.kind === "VALID") return { kind: "advance", transition, verdict, evaluations };
  if (verdict.kind === "INVALID" || transition.onError === "SKIP") return undefined;
  const refusal = new Refusal(
    stopReason(verdict.reason),
    `Validator of transition "${transition.name}" gave no usable answer: ${verdict.message}. The chain stays in "${chain.state}".`,
    {
      metadata: {
        chain_id: chain.id,
        transition: transition.name,
        state: chain.state,
        error: verdict.message,
      },
      evaluations,
    },
  );
  return { kind: "stop", refusal, evaluations };
}

function ask(
  situation: Situation,
  transitions: readonly Transition[],
  next: Transition,
  verdicts: ReadonlyMap<string, Verdict>,
): Decision {
  if (situation.chainType.evaluation === "SEQUENTIAL") return { kind: "ask", transitions: [next] };
  const askAll = situation.ignoreSchedule || situation.evaluateAll;
  const open = transitions.filter(
    (transition) => !verdicts.has(transition.name) && (askAll || !holdOf(situation, transition)),
  );
  return { kind: "ask", transitions: open };
}

function holdOf({ holds, now }: Situation, transition: Transition): Hold | undefined {
  return holdInForce(holds, transition.name, now);
}

/** What refuses an Execute before anybody is asked, in the order of R3. */
function refuse({ chain, expectedVersion, now, dryRun, ignoreSchedule }: Situation): Refusal | undefined {
  const chain_id = chain.id;
  if (chain.disabled) {
    return new Refusal("CHAIN_DISABLED", `Chain ${chain_id} is disabled. Enable it with UpdateChain.`, {
      metadata: { chain_id },
    });
  }
  if (expectedVersion !== undefined && expectedVersion !== chain.version) {
    return versionMismatch(chain_id, chain.version, expectedVersion);
  }
  if (chain.nextUpdateTime && chain.nextUpdateTime > now && !ignoreSchedule) {
    const next_update_time = chain.nextUpdateTime.toISOString();
    return new Refusal(
      "NOT_DUE",
      `Chain ${chain_id} is not due before ${next_update_time}. Wait, or set ignore_schedule.`,
      {
        metadata: { chain_id, next_update_time },
        retryAfterMs: chain.nextUpdateTime.getTime() - now.getTime(),
      },
    );
  }
  if (chain.claimExpireTime && !dryRun)
    return claimed(chain_id, chain.claimExpireTime.getTime() - now.getTime());
  return chain.version >= MOST_MOVES ? historyFull(chain) : undefined;
}

/** A chain that goes round for ever must not grow a history that nobody can read. */
const MOST_MOVES = 51_200;

function historyFull({ id: chain_id, version }: Chain): Refusal {
  return new Refusal(
    "HISTORY_FULL",
    `Chain ${chain_id} has made ${version} moves; ${MOST_MOVES} is the most. Delete it with DeleteChain, which keeps its events, and create it anew.`,
    { metadata: { chain_id, version: String(version), limit: String(MOST_MOVES) } },
  );
}

export function versionMismatch(chain_id: string, version: number, expected: number): Refusal {
  return new Refusal(
    "VERSION_MISMATCH",
    `Chain ${chain_id} has version ${version}, not the expected ${expected}. Read it again and decide anew.`,
    { metadata: { chain_id, version: String(version), expected_version: String(expected) } },
  );
}

const LONGEST_CLAIM_RETRY_MS = 1000;

/** Somebody else may finish a transition; they may give up early, so the wait is never told longer than 1 s. */
export function claimed(chain_id: string, leftMs: number): Refusal {
  return new Refusal("CLAIMED", `Chain ${chain_id} is claimed by another caller. Try again shortly.`, {
    metadata: { chain_id },
    retryAfterMs: Math.max(0, Math.min(leftMs, LONGEST_CLAIM_RETRY_MS)),
  });
}

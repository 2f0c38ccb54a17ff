import type { Attempt } from "../domain/attempt.ts";
import type { ChainTypeRevision } from "../domain/chain-type.ts";
import { contentHash } from "../domain/content-hash.ts";
import type { Situation } from "../domain/decide.ts";
import type { Evaluation } from "../domain/evaluation.ts";
import { holdsAfter } from "../domain/hold.ts";
import { wakeTimeAfter } from "../domain/wake-time.ts";
import type { Attempted } from "../store/read-chains.ts";
import type { AttemptKeeper } from "./attempt-keeper.ts";
import type { NotTaken } from "./call-before-commit.ts";
import type { ExecuteCommand } from "./execute-command.ts";
import type { Judgement } from "./judge.ts";

/** What an Execute came to that did not move its chain. */
export type Unmoved =
  | Extract<Judgement, { kind: "hold" | "stop" | "interrupted" }>
  | (Extract<NotTaken, { kind: "callback failed" }> & { readonly evaluations: readonly Evaluation[] });

/** One Execute, as far as its trace tells of it. */
export interface Attempting {
  readonly attemptId: string;
  /** When the chain was read, on the process's monotonic clock. */
  readonly readMs: number;
  /** What attempts before it have left. */
  readonly attempted?: Attempted | undefined;
}

/**
 * Keeps what an Execute found that did not move its chain (R15). What changes the holds, or when the chain is looked at again,
 * is kept before it is answered.
 */
export async function leaveTrace(
  attempts: AttemptKeeper,
  { requestedBy, requestId }: ExecuteCommand,
  { chain, chainType, holds: before, now: readTime }: Situation,
  { revision }: ChainTypeRevision,
  { attemptId, readMs, attempted }: Attempting,
  unmoved: Unmoved,
): Promise<void> {
  const { evaluations } = unmoved;
  const holds = holdsAfter(before, evaluations, readTime);
  const now = new Date(readTime.getTime() + performance.now() - readMs);
  const isHeld = unmoved.kind === "hold";
  const tries = {
    noValidCount: (attempted?.noValidCount ?? 0) + Number(isHeld),
    errorCount: (attempted?.errorCount ?? 0) + Number(!isHeld),
  };
  const cameTo = isHeld ? "NO_VALID_TRANSITION" : "ERROR";
  const attempt = {
    chainId: chain.id,
    version: chain.version,
    revision,
    result: resultOf(unmoved),
    requestedBy,
    requestId,
    attemptId,
    evaluations,
    holds,
    ...tries,
    wakeTime: wakeTimeAfter({ chain, chainType, holds, tries, cameTo, now }, Math.random()),
    time: now,
  };
  const held = before.filter(({ notBefore }) => notBefore > readTime);
  if (contentHash(holds) === contentHash(held) && !attempt.wakeTime) attempts.keepSoon(attempt);
  else await attempts.keepNow(attempt);
}

function resultOf(unmoved: Unmoved): Attempt["result"] {
  switch (unmoved.kind) {
    case "hold":
      return { outcome: "NO_VALID_TRANSITION" };
    case "callback failed":
      return { outcome: "CALLBACK_FAILED" };
    default:
      return { reason: unmoved.refusal.reason };
  }
}

import type { ChainTypeRevision } from "../domain/chain-type.ts";
import { contentHash } from "../domain/content-hash.ts";
import type { Situation } from "../domain/decide.ts";
import { holdsAfter } from "../domain/hold.ts";
import type { AttemptKeeper } from "./attempt-keeper.ts";
import type { ExecuteCommand } from "./execute-command.ts";
import type { Judgement } from "./judge.ts";

/** Keeps what an Execute found that did not move its chain (R15); what changes the holds is kept before it is answered. */
export async function leaveTrace(
  attempts: AttemptKeeper,
  { requestedBy, requestId }: ExecuteCommand,
  { chain, holds: before, now }: Situation,
  { revision }: ChainTypeRevision,
  { attemptId, readMs }: { readonly attemptId: string; readonly readMs: number },
  judgement: Extract<Judgement, { kind: "hold" | "stop" | "interrupted" }>,
): Promise<void> {
  const { evaluations } = judgement;
  const holds = holdsAfter(before, evaluations, now);
  const attempt = {
    chainId: chain.id,
    version: chain.version,
    revision,
    result:
      judgement.kind === "hold"
        ? ({ outcome: "NO_VALID_TRANSITION" } as const)
        : { reason: judgement.refusal.reason },
    requestedBy,
    requestId,
    attemptId,
    evaluations,
    holds,
    time: new Date(now.getTime() + performance.now() - readMs),
  };
  const held = before.filter(({ notBefore }) => notBefore > now);
  if (contentHash(holds) === contentHash(held)) attempts.keepSoon(attempt);
  else await attempts.keepNow(attempt);
}

import { DONE } from "../domain/chain.ts";
import type { ChainTypeRevision } from "../domain/chain-type.ts";
import type { DecidedTransition } from "../domain/decided-transition.ts";
import { upkeepIn } from "../domain/upkeep.ts";
import { callBeforeCommit, type NotTaken } from "./call-before-commit.ts";
import { commitMove } from "./commit-move.ts";
import type { ExecuteCommand, ExecuteLimits, ExecuteParts } from "./execute-command.ts";
import { type ExecuteResult, resultOfClaim, resultOfMove } from "./execute-result.ts";
import { callbackOf, prepareMove } from "./prepare-move.ts";
import { takeClaim } from "./take-claim.ts";

/**
 * Takes a decided transition: by the caller itself under a claim (R19), with the callback before the commit (R16), or at once,
 * with the callback's message in the outbox (R17).
 */
export async function advance(
  parts: ExecuteParts,
  { claim }: Pick<ExecuteCommand, "claim">,
  revision: ChainTypeRevision,
  decided: DecidedTransition,
  limits: ExecuteLimits,
): Promise<ExecuteResult | NotTaken> {
  const { store, registry } = parts;
  const { chainType } = revision;
  if (claim && decided.finalState !== DONE) {
    const { wakes } = upkeepIn(chainType, decided.chain.state);
    const taken = await takeClaim(store, decided, { termMs: claim.durationMs, wakes, adopts: true });
    return taken.kind === "claimed" ? resultOfClaim(taken.held) : resultOfMove(taken.move);
  }
  const callback = callbackOf(registry, chainType, decided);
  return callback?.mode === "BEFORE_COMMIT"
    ? callBeforeCommit(parts, revision, decided, callback, limits)
    : resultOfMove(await commitMove(parts, prepareMove(registry, chainType, decided)));
}

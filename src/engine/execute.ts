import type { RecordedMove } from "../domain/chain-event.ts";
import { isFinal } from "../domain/chain-type.ts";
import { contentHash } from "../domain/content-hash.ts";
import type { Situation } from "../domain/decide.ts";
import { EXECUTE_CAP_MS } from "../domain/execute-limits.ts";
import { Refusal, type RefusalReason } from "../domain/refusal.ts";
import { advance } from "./advance.ts";
import { askValidator } from "./ask-validator.ts";
import { chainToJudge } from "./chain-to-judge.ts";
import type { ExecuteCommand, ExecuteLimits, ExecuteParts } from "./execute-command.ts";
import { type ExecuteResult, resultOfClaim, resultOfDryRun, resultOfMove } from "./execute-result.ts";
import { findChain } from "./find-chain.ts";
import { judge } from "./judge.ts";
import { leaveTrace } from "./leave-trace.ts";
import { newId } from "./new-id.ts";
import { repeatedClaim, repeatedMove } from "./repeated-move.ts";

/** Refusals after the verdicts, with which the chain is still the one that was judged. */
const LEAVES_VERSION: ReadonlySet<RefusalReason> = new Set([
  "CHAIN_DISABLED",
  "CLAIMED",
  "CLAIM_EXPIRED",
  "CALLBACK_UNANSWERED",
  "REVISION_CHANGED",
]);

/** Load, ask, commit: takes at most one step of one chain, exactly once. */
export async function execute(
  parts: ExecuteParts,
  command: ExecuteCommand,
  limits: ExecuteLimits,
): Promise<ExecuteResult> {
  const deadlineMs = Math.min(
    limits.deadlineMs ?? Number.POSITIVE_INFINITY,
    performance.now() + EXECUTE_CAP_MS,
  );
  const requestId = command.dryRun ? "" : command.requestId;
  const requestHash = requestId ? hashOf(command) : "";

  const found = await findChain(parts.store, command.ref, requestId);
  const again = (recorded: RecordedMove) => resultOfMove(repeatedMove(recorded, requestId, requestHash));
  if (found.recorded) return again(found.recorded);
  // While a claim lives that was taken under this id, its taker is told of it again, and any other is refused below (R13).
  if (found.claimed && command.claim)
    return resultOfClaim(repeatedClaim(found.claimed, requestId, requestHash));
  if (command.validatorEndpoint) parts.policy.check(command.validatorEndpoint);
  const toJudge = await chainToJudge(parts, command, found, requestId);
  if ("recorded" in toJudge) return again(toJudge.recorded);
  const { chain, revision, readMs, attempted, now } = toJudge;

  const situation: Situation = {
    chain,
    chainType: revision.chainType,
    holds: attempted?.revision === revision.revision ? attempted.holds : [],
    now,
    dryRun: command.dryRun,
    evaluateAll: command.evaluateAll,
    ignoreSchedule: command.ignoreSchedule,
    expectedVersion: command.expectedVersion,
  };
  const attemptId = newId();
  const judgement = await judge(
    situation,
    (transition, signal) =>
      askValidator(parts, command, situation, transition, { attemptId, signal, deadlineMs }),
    { signal: limits.signal, deadlineMs },
  );
  if (command.dryRun) return resultOfDryRun(judgement, chain);
  const trace = (unmoved: Parameters<typeof leaveTrace>[5]) =>
    leaveTrace(parts.attempts, command, situation, revision, { attempted, attemptId, readMs }, unmoved);

  switch (judgement.kind) {
    case "refuse":
      throw judgement.refusal;
    case "final":
      return { outcome: "ALREADY_FINAL", chain, evaluations: [] };
    case "advance": {
      const { transition, verdict, evaluations } = judgement;
      // A final chain is never due again.
      const due = isFinal(revision.chainType, transition.finalState)
        ? {}
        : { nextUpdateTime: verdict.nextUpdateTime, delayMs: transition.delayMs };
      const decided = {
        ...due,
        chain,
        transition: transition.name,
        finalState: transition.finalState,
        revision: revision.revision,
        evaluations,
        context: verdict.context,
        callbackContext: command.callbackContext,
        requestedBy: command.requestedBy,
        requestId,
        requestHash,
        attemptId,
      };
      const result = await advance(parts, command, revision, decided, limits).catch(
        async (error: unknown) => {
          if (error instanceof Refusal && LEAVES_VERSION.has(error.reason)) {
            // The caller is told why it did not move, whether or not that could be kept.
            await trace({ kind: "stop", refusal: error, evaluations }).catch(() => undefined);
          }
          throw error;
        },
      );
      if (!("kind" in result)) return result;
      await trace({ ...result, evaluations });
      if (result.kind === "stop") throw result.refusal;
      return { outcome: "CALLBACK_FAILED", chain, evaluations };
    }
    case "hold":
    case "stop":
    case "interrupted":
      await trace(judgement);
      if (judgement.kind !== "hold") throw judgement.refusal;
      return { outcome: "NO_VALID_TRANSITION", chain, evaluations: judgement.evaluations };
  }
}

/** What makes two requests the same (R13): all that decides what they do, except which chain and whom to ask. */
function hashOf(command: ExecuteCommand): string {
  const { ref, requestId, validatorEndpoint, ...request } = command;
  return contentHash(request);
}

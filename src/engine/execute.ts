import { type Chain, DONE } from "../domain/chain.ts";
import type { RecordedMove } from "../domain/chain-event.ts";
import { type ChainTypeRevision, isFinal } from "../domain/chain-type.ts";
import { contentHash } from "../domain/content-hash.ts";
import type { Situation } from "../domain/decide.ts";
import { Refusal, type RefusalReason } from "../domain/refusal.ts";
import { canonicalMappings } from "../domain/resource-mapping.ts";
import type { ChainReading } from "../store/read-chains.ts";
import { askValidator } from "./ask-validator.ts";
import { commitMove } from "./commit-move.ts";
import type { ExecuteCommand, ExecuteLimits, ExecuteParts } from "./execute-command.ts";
import { type ExecuteResult, resultOfDryRun, resultOfMove } from "./execute-result.ts";
import { chainNotFound, findChain } from "./find-chain.ts";
import { createChain, newChain } from "./get-or-create-chain.ts";
import { judge } from "./judge.ts";
import { leaveTrace } from "./leave-trace.ts";
import { newId } from "./new-id.ts";
import type { Registry } from "./registry.ts";
import { repeatedMove } from "./repeated-move.ts";

/** The longest that one Execute may take, whatever its caller allows. */
const EXECUTE_CAP_MS = 30_000;

/** Refusals of a commit after which the chain is still the one that was judged. */
const LEAVES_VERSION: ReadonlySet<RefusalReason> = new Set(["CHAIN_DISABLED", "CLAIMED", "REVISION_CHANGED"]);

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
  if (command.validatorEndpoint) parts.policy.check(command.validatorEndpoint);
  const { chain, ...reading } = await chainToJudge(parts, command, found, requestId);
  if (reading.recorded) return again(reading.recorded);
  const readMs = performance.now();
  const revision = await parts.registry.getFor(chain);

  const situation: Situation = {
    chain,
    chainType: revision.chainType,
    holds: reading.held?.revision === revision.revision ? reading.held.holds : [],
    now: reading.now,
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
    leaveTrace(parts.attempts, command, situation, revision, { attemptId, readMs }, unmoved);

  switch (judgement.kind) {
    case "refuse":
      throw judgement.refusal;
    case "final":
      return { outcome: "ALREADY_FINAL", chain, evaluations: [] };
    case "advance": {
      const { transition, verdict, evaluations } = judgement;
      const undelivered = callbackRefusal(parts.registry, revision, transition);
      if (undelivered) {
        await trace({ kind: "stop", refusal: undelivered, evaluations });
        throw undelivered;
      }
      // A final chain is never due again.
      const due = isFinal(revision.chainType, transition.finalState)
        ? {}
        : { nextUpdateTime: verdict.nextUpdateTime, delayMs: transition.delayMs };
      const move = await commitMove(parts.store, parts.registry, {
        ...due,
        eventId: newId(),
        noteId: newId(),
        chain,
        transition: transition.name,
        finalState: transition.finalState,
        revision: revision.revision,
        evaluations,
        context: verdict.context,
        requestedBy: command.requestedBy,
        requestId,
        requestHash,
        attemptId,
      }).catch(async (error: unknown) => {
        if (error instanceof Refusal && LEAVES_VERSION.has(error.reason)) {
          // The caller is told why it did not move, whether or not that could be kept.
          await trace({ kind: "stop", refusal: error, evaluations }).catch(() => undefined);
        }
        throw error;
      });
      return resultOfMove(move);
    }
    case "hold":
    case "stop":
    case "interrupted":
      await trace(judgement);
      if (judgement.kind !== "hold") throw judgement.refusal;
      return { outcome: "NO_VALID_TRANSITION", chain, evaluations: judgement.evaluations };
  }
}

async function chainToJudge(
  parts: ExecuteParts,
  command: ExecuteCommand,
  found: ChainReading,
  requestId: string,
): Promise<ChainReading & { readonly chain: Chain }> {
  if (found.chain) return { ...found, chain: found.chain };
  if (!command.createIfAbsent || !("key" in command.ref)) throw chainNotFound(command.ref);
  if (!command.dryRun)
    return (await createChain(parts.store, parts.registry, command.ref.key, requestId)).reading;
  const { chainType, resources } = command.ref.key;
  await parts.registry.get(chainType);
  const imagined = newChain({
    id: "",
    chainType,
    resources: canonicalMappings(resources),
    createTime: found.now,
  });
  return { ...found, chain: imagined };
}

/** A move whose effect could not be delivered must not happen. */
function callbackRefusal(
  registry: Registry,
  { chainType }: ChainTypeRevision,
  { name, finalState }: { readonly name: string; readonly finalState: string },
): Refusal | undefined {
  if (finalState === DONE || !registry.callbacks.find(chainType, name)) return undefined;
  return new Refusal(
    "NOT_IMPLEMENTED",
    `Transition "${name}" of "${chainType.name}" has a callback, and this version does not deliver callbacks yet. The chain did not move; unregister the callback.`,
    { metadata: { chain_type: chainType.name, transition: name } },
  );
}

/** What makes two requests the same (R13): all that decides what they do, except which chain and whom to ask. */
function hashOf(command: ExecuteCommand): string {
  const { ref, requestId, validatorEndpoint, ...request } = command;
  return contentHash(request);
}

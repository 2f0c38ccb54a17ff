import { v7 as uuidv7 } from "uuid";
import { type Chain, DONE, NEW } from "../domain/chain.ts";
import type { ChainEvent, RecordedMove } from "../domain/chain-event.ts";
import { type ChainTypeRevision, isFinal } from "../domain/chain-type.ts";
import { contentHash } from "../domain/content-hash.ts";
import type { Situation } from "../domain/decide.ts";
import type { Evaluation } from "../domain/evaluation.ts";
import { holdsAfter } from "../domain/hold.ts";
import type { JsonObject } from "../domain/json.ts";
import { Refusal } from "../domain/refusal.ts";
import { canonicalMappings } from "../domain/resource-mapping.ts";
import type { Verdict } from "../domain/verdict.ts";
import type { EndpointPolicy } from "../outbound/endpoint-policy.ts";
import type { ValidatorClient } from "../outbound/validator-client.ts";
import type { Database } from "../store/database.ts";
import type { ChainReading } from "../store/read-chains.ts";
import type { AttemptKeeper } from "./attempt-keeper.ts";
import { commitMove } from "./commit-move.ts";
import { type ChainRef, chainNotFound, findChain } from "./find-chain.ts";
import { createChain } from "./get-or-create-chain.ts";
import { type Judgement, judge } from "./judge.ts";
import type { Registry } from "./registry.ts";
import { repeatedMove } from "./repeated-move.ts";

export interface ExecuteCommand {
  readonly ref: ChainRef;
  readonly createIfAbsent: boolean;
  readonly initialContext: JsonObject;
  readonly callbackContext: JsonObject;
  readonly requestedBy: string;
  readonly dryRun: boolean;
  readonly evaluateAll: boolean;
  readonly ignoreSchedule: boolean;
  /** Empty: a repetition may take the next step. */
  readonly requestId: string;
  readonly expectedVersion?: number | undefined;
  /** Asked instead of the registered validators; empty: none. */
  readonly validatorEndpoint: string;
}

export interface ExecuteLimits {
  readonly signal: AbortSignal;
  /** The caller's deadline on the monotonic clock. */
  readonly deadlineMs?: number | undefined;
}

export interface ExecuteResult {
  readonly outcome:
    | "TRANSITIONED"
    | "NO_VALID_TRANSITION"
    | "ALREADY_FINAL"
    | "WOULD_TRANSITION"
    | "WOULD_FAIL";
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
}

export interface ExecuteParts {
  readonly database: Database;
  readonly registry: Registry;
  readonly validators: ValidatorClient;
  readonly policy: EndpointPolicy;
  readonly attempts: AttemptKeeper;
}

/** The longest that one Execute may take, whatever its caller allows. */
const EXECUTE_CAP_MS = 30_000;

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
  if (command.validatorEndpoint) parts.policy.check(command.validatorEndpoint);
  const requestId = command.dryRun ? "" : command.requestId;
  const requestHash = requestId ? hashOf(command) : "";

  const found = await findChain(parts.database, command.ref, requestId);
  if (found.recorded) return resultOf(repeatedMove(found.recorded, requestId, requestHash));
  const { chain, ...reading } = await chainToJudge(parts, command, found);
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
  const attemptId = uuidv7();
  const judgement = await judge(
    situation,
    (transition, signal) => ask(parts, command, situation, transition, { attemptId, signal, deadlineMs }),
    { signal: limits.signal, deadlineMs },
  );
  if (command.dryRun) return explained(judgement, chain);

  switch (judgement.kind) {
    case "refuse":
      throw judgement.refusal;
    case "final":
      return { outcome: "ALREADY_FINAL", chain, evaluations: [] };
    case "advance": {
      const { transition, verdict, evaluations } = judgement;
      refuseCallback(parts.registry, revision, transition);
      // A final chain is never due again.
      const due = isFinal(revision.chainType, transition.finalState)
        ? {}
        : { nextUpdateTime: verdict.nextUpdateTime, delayMs: transition.delayMs };
      const move = await commitMove(parts.database, parts.registry, {
        ...due,
        eventId: uuidv7(),
        noteId: uuidv7(),
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
      });
      return resultOf(move);
    }
    case "hold":
    case "stop":
    case "interrupted":
      await leaveTrace(parts.attempts, command, situation, revision, attemptId, judgement);
      if (judgement.kind !== "hold") throw judgement.refusal;
      return { outcome: "NO_VALID_TRANSITION", chain, evaluations: judgement.evaluations };
  }
}

async function chainToJudge(
  parts: ExecuteParts,
  command: ExecuteCommand,
  found: ChainReading,
): Promise<ChainReading & { readonly chain: Chain }> {
  if (found.chain) return { ...found, chain: found.chain };
  if (!command.createIfAbsent || !("key" in command.ref)) throw chainNotFound(command.ref);
  if (!command.dryRun) return (await createChain(parts.database, parts.registry, command.ref.key)).reading;
  const { chainType, resources } = command.ref.key;
  await parts.registry.get(chainType);
  const imagined: Chain = {
    id: "",
    chainType,
    state: NEW,
    version: 0,
    resources: canonicalMappings(resources),
    disabled: false,
    createTime: found.now,
    updateTime: found.now,
  };
  return { ...found, chain: imagined };
}

function ask(
  { registry, validators }: ExecuteParts,
  { validatorEndpoint, initialContext, dryRun, requestedBy }: ExecuteCommand,
  { chain, chainType }: Situation,
  transition: { readonly name: string; readonly finalState: string },
  { attemptId, ...limits }: { attemptId: string; signal: AbortSignal; deadlineMs: number },
): Promise<Verdict> {
  const registered = registry.validators.find(chainType, transition.name)?.value;
  const endpoint = validatorEndpoint
    ? { url: validatorEndpoint, timeoutMs: registered?.timeoutMs }
    : registered;
  if (!endpoint) {
    return Promise.resolve({
      kind: "ERROR",
      reason: "NOT_REGISTERED",
      message: `transition "${transition.name}" of "${chainType.name}" has no validator here: call RegisterValidator, or name one in the definition`,
    });
  }
  const question = {
    chain,
    transition: transition.name,
    finalState: transition.finalState,
    initialContext,
    dryRun,
    requestedBy,
  };
  return validators.validate(endpoint, { ...question, attemptId }, limits);
}

function resultOf({ event, chainAfter }: RecordedMove): ExecuteResult {
  const { transition = "", fromState = "", finalState = "", context = {}, evaluations } = event;
  return {
    outcome: "TRANSITIONED",
    chain: chainAfter,
    transition: { name: transition, fromState, finalState, context },
    evaluations,
    event,
  };
}

function explained(judgement: Judgement, chain: Chain): ExecuteResult {
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

async function leaveTrace(
  attempts: AttemptKeeper,
  { requestedBy, requestId }: ExecuteCommand,
  { chain, holds: before, now }: Situation,
  { revision }: ChainTypeRevision,
  attemptId: string,
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
  };
  const held = before.filter(({ notBefore }) => notBefore > now);
  if (contentHash(holds) === contentHash(held)) attempts.keepSoon(attempt);
  else await attempts.keepNow(attempt);
}

/** A move whose effect could not be delivered must not happen. */
function refuseCallback(
  registry: Registry,
  { chainType }: ChainTypeRevision,
  { name, finalState }: { readonly name: string; readonly finalState: string },
): void {
  if (finalState === DONE || !registry.callbacks.find(chainType, name)) return;
  throw new Refusal(
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

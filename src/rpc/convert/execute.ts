import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  ExecuteRequest,
  ExecuteResponseSchema,
} from "../../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { type ClaimSchema, Outcome } from "../../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import type { Claim } from "../../domain/claim.ts";
import { claimToken } from "../../engine/claim-token.ts";
import type { ExecuteCommand } from "../../engine/execute-command.ts";
import type { ExecuteResult } from "../../engine/execute-result.ts";
import { chainRefFromProto, chainToProto, type IsFinal } from "./chain.ts";
import { chainEventToProto } from "./chain-event.ts";
import { evaluationToProto } from "./evaluation.ts";
import { structFromProto, structToProto } from "./struct.ts";
import { durationFromProto, timeToProto } from "./time.ts";
import { versionFromProto } from "./version.ts";

const DEFAULT_CLAIM_MS = 30_000;

export function executeCommandFromProto(request: ExecuteRequest): ExecuteCommand {
  return {
    ref: chainRefFromProto(request.chain),
    createIfAbsent: request.createIfAbsent,
    initialContext: structFromProto(request.initialContext),
    callbackContext: structFromProto(request.callbackContext),
    requestedBy: request.requestedBy,
    dryRun: request.dryRun,
    evaluateAll: request.evaluateAll,
    ignoreSchedule: request.ignoreSchedule,
    claim: request.claim
      ? { durationMs: durationFromProto(request.claimDuration) ?? DEFAULT_CLAIM_MS }
      : undefined,
    requestId: request.requestId,
    expectedVersion: versionFromProto(request.expectedVersion),
    validatorEndpoint: request.validatorEndpoint,
  };
}

export function claimToProto(claim: Claim, chainId: string): MessageInitShape<typeof ClaimSchema> {
  return {
    token: claimToken({ chainId, claimId: claim.id }),
    fencingToken: BigInt(claim.fencingToken),
    expireTime: timeToProto(claim.expireTime),
  };
}

export function executeResultToProto(
  result: ExecuteResult,
  isFinal: IsFinal,
): MessageInitShape<typeof ExecuteResponseSchema> {
  const { outcome, chain, transition, evaluations, event, claim } = result;
  return {
    outcome: Outcome[outcome],
    chain: chainToProto(chain, isFinal),
    transition: transition && { ...transition, context: structToProto(transition.context) },
    evaluations: evaluations.map(evaluationToProto),
    event: event && chainEventToProto(event),
    claim: claim && claimToProto(claim, chain.id),
  };
}

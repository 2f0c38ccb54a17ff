import type { MessageInitShape } from "@bufbuild/protobuf";
import { type AttemptSchema, Outcome } from "../../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import type { Attempt } from "../../domain/attempt.ts";
import { evaluationToProto } from "./evaluation.ts";
import { timeToProto } from "./time.ts";

export function attemptToProto(attempt: Attempt): MessageInitShape<typeof AttemptSchema> {
  const { result } = attempt;
  return {
    time: timeToProto(attempt.time),
    outcome: "outcome" in result ? Outcome[result.outcome] : Outcome.UNSPECIFIED,
    reason: "reason" in result ? result.reason : "",
    requestedBy: attempt.requestedBy,
    requestId: attempt.requestId,
    attemptId: attempt.attemptId,
    evaluations: attempt.evaluations.map(evaluationToProto),
    version: BigInt(attempt.version),
  };
}

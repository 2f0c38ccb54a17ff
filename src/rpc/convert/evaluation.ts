import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  EvaluationErrorReason,
  type EvaluationSchema,
  Verdict,
} from "../../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import type { Evaluation } from "../../domain/evaluation.ts";
import { durationToProto, timeToProto } from "./time.ts";

export function evaluationToProto(evaluation: Evaluation): MessageInitShape<typeof EvaluationSchema> {
  const { transition, verdict, errors, errorReason, deferredUntil, durationMs, held } = evaluation;
  return {
    transition,
    verdict: Verdict[verdict],
    errors: [...errors],
    errorReason: errorReason ? EvaluationErrorReason[errorReason] : EvaluationErrorReason.UNSPECIFIED,
    deferredUntil: timeToProto(deferredUntil),
    duration: durationToProto(durationMs === undefined ? undefined : Math.round(durationMs)),
    held,
  };
}

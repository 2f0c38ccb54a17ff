import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  ExecuteChainsRequest,
  ExecuteChainsResponseSchema,
} from "../../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import type { ExecuteChainsCommand, SweepStep } from "../../engine/execute-chains.ts";
import type { Log } from "../../observability/log.ts";
import { isTold, toldOf } from "../errors.ts";
import type { IsFinal } from "./chain.ts";
import { executeResultToProto } from "./execute.ts";
import { structFromProto } from "./struct.ts";

const DEFAULT_CONCURRENCY = 16;

export function executeChainsCommandFromProto(
  selection: ExecuteChainsCommand["selection"],
  request: Omit<ExecuteChainsRequest, "filter">,
): ExecuteChainsCommand {
  return {
    selection,
    initialContext: structFromProto(request.initialContext),
    callbackContext: structFromProto(request.callbackContext),
    requestedBy: request.requestedBy,
    dryRun: request.dryRun,
    concurrency: request.concurrency || DEFAULT_CONCURRENCY,
  };
}

/** An error of one chain is told as the error of a whole call would be: a bug stays in the log. */
export function sweepStepToProto(
  step: SweepStep,
  isFinal: IsFinal,
  log: Log,
): MessageInitShape<typeof ExecuteChainsResponseSchema> {
  switch (step.kind) {
    case "executed": {
      const response = executeResultToProto(step.result, isFinal);
      return { value: { case: "result", value: { chainId: step.chainId, response } } };
    }
    case "failed": {
      const { chainId, error } = step;
      const requestId = randomUUID();
      if (!isTold(error)) log.error({ err: error, requestId, chainId }, "internal error in a sweep");
      const { reason, message } = toldOf(error, requestId);
      return { value: { case: "result", value: { chainId, errorReason: reason, errorMessage: message } } };
    }
    case "summary": {
      const { chains, transitioned, noValidTransition, failed } = step.counts;
      return {
        value: {
          case: "summary",
          value: {
            chains: BigInt(chains),
            transitioned: BigInt(transitioned),
            noValidTransition: BigInt(noValidTransition),
            failed: BigInt(failed),
          },
        },
      };
    }
  }
}

import type { MessageInitShape } from "@bufbuild/protobuf";
import { ChainEventKind, type ChainEventSchema } from "../../../gen/ts/dispatcher/v1/chain_event_pb.ts";
import type { ChainEvent } from "../../domain/chain-event.ts";
import { evaluationToProto } from "./evaluation.ts";
import { structToProto } from "./struct.ts";
import { timeToProto } from "./time.ts";

export function chainEventToProto(event: ChainEvent): MessageInitShape<typeof ChainEventSchema> {
  return {
    id: event.id,
    chainId: event.chainId,
    kind: ChainEventKind[event.kind],
    version: BigInt(event.version),
    transition: event.transition ?? "",
    fromState: event.fromState ?? "",
    finalState: event.finalState ?? "",
    revision: BigInt(event.revision ?? 0),
    evaluations: event.evaluations.map(evaluationToProto),
    requestedBy: event.requestedBy,
    requestId: event.requestId ?? "",
    attemptId: event.attemptId ?? "",
    time: timeToProto(event.time),
    reason: event.reason,
    context: event.context && structToProto(event.context),
    addedResources: event.addedResources.map(({ resourceType, resourceId }) => ({
      resourceType,
      resourceId,
    })),
    position: BigInt(event.position ?? 0),
  };
}

import { create, type JsonObject as ProtoJsonObject } from "@bufbuild/protobuf";
import {
  type ValidateRequest,
  ValidateRequestSchema,
} from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import type { Chain } from "../domain/chain.ts";
import type { JsonObject } from "../domain/json.ts";

/** What a validator is asked: may this chain take this transition now? */
export interface Question {
  readonly chain: Chain;
  readonly transition: string;
  readonly finalState: string;
  readonly initialContext: JsonObject;
  readonly dryRun: boolean;
  readonly requestedBy: string;
  /** The same for all questions of one Execute. */
  readonly attemptId: string;
}

export function questionToProto(question: Question): ValidateRequest {
  const { chain, transition, finalState, initialContext, dryRun, requestedBy, attemptId } = question;
  return create(ValidateRequestSchema, {
    chain: {
      id: chain.id,
      chainType: chain.chainType,
      state: chain.state,
      version: BigInt(chain.version),
      resources: chain.resources.map(({ resourceType, resourceId }) => ({ resourceType, resourceId })),
    },
    transition,
    fromState: chain.state,
    finalState,
    initialContext: initialContext as ProtoJsonObject,
    dryRun,
    requestedBy,
    attemptId,
  });
}

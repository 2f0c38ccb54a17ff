import {
  create,
  fromBinary,
  type JsonObject as ProtoJsonObject,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { HandleTransitionRequestSchema } from "../../gen/ts/dispatcher/callback/v1/callback_service_pb.ts";
import type { Chain } from "../domain/chain.ts";
import type { JsonObject } from "../domain/json.ts";

/** What a callback is told of one move. */
export interface Effect {
  readonly deliveryId: string;
  /** As it was when the transition was decided. */
  readonly chain: Chain;
  readonly transition: {
    readonly name: string;
    readonly finalState: string;
    readonly context: JsonObject;
  };
  readonly callbackContext: JsonObject;
  readonly requestedBy: string;
}

/** What is sent, the same bytes at every attempt. */
export interface EffectMessage {
  /** Made by effectToBytes. */
  readonly body: Uint8Array;
  readonly fencingToken: number;
}

/** A HandleTransitionRequest without its fencing token, which is known only once the chain has moved. */
export function effectToBytes(effect: Effect): Uint8Array {
  const { deliveryId, chain, transition, callbackContext, requestedBy } = effect;
  return toBinary(
    HandleTransitionRequestSchema,
    create(HandleTransitionRequestSchema, {
      deliveryId,
      chain: {
        id: chain.id,
        chainType: chain.chainType,
        state: chain.state,
        version: BigInt(chain.version),
        resources: chain.resources.map(({ resourceType, resourceId }) => ({ resourceType, resourceId })),
      },
      transition: {
        name: transition.name,
        fromState: chain.state,
        finalState: transition.finalState,
        context: transition.context as ProtoJsonObject,
      },
      callbackContext: callbackContext as ProtoJsonObject,
      requestedBy,
    }),
  );
}

/** The whole HandleTransitionRequest: two encoded messages in a row are one message with the fields of both. */
export function messageToBytes({ body, fencingToken }: EffectMessage): Uint8Array {
  const token = create(HandleTransitionRequestSchema, { fencingToken: BigInt(fencingToken) });
  return Buffer.concat([body, toBinary(HandleTransitionRequestSchema, token)]);
}

export function messageToJson(message: EffectMessage): string {
  const request = fromBinary(HandleTransitionRequestSchema, messageToBytes(message));
  return toJsonString(HandleTransitionRequestSchema, request);
}

import { create, type JsonObject as ProtoJsonObject, toBinary } from "@bufbuild/protobuf";
import { HandleTransitionRequestSchema } from "../../gen/ts/dispatcher/callback/v1/callback_service_pb.ts";
import type { Chain } from "../domain/chain.ts";
import type { JsonObject } from "../domain/json.ts";

/** What a callback is told of a move. */
export interface Effect {
  readonly deliveryId: string;
  /** As it was when the transition was decided. */
  readonly chain: Chain;
  readonly transition: { readonly name: string; readonly finalState: string; readonly context: JsonObject };
  readonly callbackContext: JsonObject;
  readonly requestedBy: string;
}

/** An effect as it is delivered: its bytes, and the token that is known only when they are stored already. */
export interface EffectMessage {
  /** A HandleTransitionRequest without its fencing token. */
  readonly body: Uint8Array;
  readonly fencingToken: number;
}

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

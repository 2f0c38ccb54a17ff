import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type DeliverySchema,
  DeliveryState as StateMessage,
} from "../../../gen/ts/dispatcher/v1/delivery_pb.ts";
import { DELIVERY_STATES, type Delivery, type DeliveryState, deliveryIdOf } from "../../domain/delivery.ts";
import { timeToProto } from "./time.ts";

export function deliveryToProto(delivery: Delivery): MessageInitShape<typeof DeliverySchema> {
  const { chainId, version, transition } = delivery;
  return {
    deliveryId: deliveryIdOf(chainId, version, transition),
    chainId,
    chainType: delivery.chainType,
    transition,
    version: BigInt(version),
    state: StateMessage[delivery.state],
    attempts: delivery.attempts,
    lastError: delivery.lastError,
    nextAttemptTime: timeToProto(delivery.nextAttemptTime),
    createTime: timeToProto(delivery.createTime),
    endpoint: delivery.endpoint,
  };
}

/** Undefined for any. */
export function deliveryStateFromProto(state: StateMessage): DeliveryState | undefined {
  return DELIVERY_STATES.find((known) => StateMessage[known] === state);
}

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChainRefSchema } from "../../../gen/ts/dispatcher/v1/chain_pb.ts";
import type { ChainTypeSchema } from "../../../gen/ts/dispatcher/v1/chain_type_pb.ts";

/** Where the shop answers the sidecar's questions. */
export interface ValidatorUrls {
  readonly grpc: string;
  readonly web: string;
}

export const abandonedCart = "abandoned_cart";

/**
 * What can happen next to a cart. In each state the transitions are asked in order and the first valid one is taken:
 * `booking_complete` comes first everywhere, so that nobody is reminded who has already booked.
 *
 * The validators stand in the definition, so that a sidecar that is started again knows them before the shop has said a word.
 */
export function cartChainType({ grpc, web }: ValidatorUrls): MessageInitShape<typeof ChainTypeSchema> {
  return {
    name: abandonedCart,
    transitions: [
      {
        name: "booking_complete",
        finalState: "done",
        // The payment provider is asked, and may take its time.
        validator: { url: grpc, timeout: { seconds: 20n } },
      },
      { name: "reminder_2_days", finalState: "reminded_after_2_days", validator: { url: grpc } },
      { name: "reminder_1_week", finalState: "reminded_after_1_week", validator: { url: web } },
    ],
    states: [
      { name: "new", transitions: ["booking_complete", "reminder_2_days"] },
      { name: "reminded_after_2_days", transitions: ["booking_complete", "reminder_1_week"] },
      { name: "reminded_after_1_week", transitions: ["booking_complete"] },
    ],
    // No cron job: the sidecar looks at each cart by itself. A second is for a calendar that jumps from day to day; a shop whose
    // days are days takes the default of five minutes, doubling up to six hours.
    autoExecute: { recheckInterval: { seconds: 1n }, recheckMax: { seconds: 1n } },
  };
}

/** The one chain of a cart. It is named by what it is about, so the shop need not remember an id. */
export function chainOf(cart: { id: string; customer: string }): MessageInitShape<typeof ChainRefSchema> {
  return {
    value: {
      case: "key",
      value: {
        chainType: abandonedCart,
        resources: [
          { resourceType: "cart", resourceId: cart.id },
          { resourceType: "customer", resourceId: cart.customer },
        ],
      },
    },
  };
}

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChainRefSchema } from "../../../gen/ts/dispatcher/v1/chain_pb.ts";
import type { ChainTypeSchema } from "../../../gen/ts/dispatcher/v1/chain_type_pb.ts";

/**
 * What can happen next to a cart. In each state the transitions are asked in order and the first valid one is taken:
 * `booking_complete` comes first everywhere, so that nobody is reminded who has already booked.
 */
export const abandonedCart = {
  name: "abandoned_cart",
  transitions: [
    { name: "booking_complete", finalState: "done" },
    { name: "reminder_2_days", finalState: "reminded_after_2_days" },
    { name: "reminder_1_week", finalState: "reminded_after_1_week" },
  ],
  states: [
    { name: "new", transitions: ["booking_complete", "reminder_2_days"] },
    { name: "reminded_after_2_days", transitions: ["booking_complete", "reminder_1_week"] },
    { name: "reminded_after_1_week", transitions: ["booking_complete"] },
  ],
} satisfies MessageInitShape<typeof ChainTypeSchema>;

/** The one chain of a cart. It is named by what it is about, so the shop need not remember an id. */
export function chainOf(cart: { id: string; customer: string }): MessageInitShape<typeof ChainRefSchema> {
  return {
    value: {
      case: "key",
      value: {
        chainType: abandonedCart.name,
        resources: [
          { resourceType: "cart", resourceId: cart.id },
          { resourceType: "customer", resourceId: cart.customer },
        ],
      },
    },
  };
}

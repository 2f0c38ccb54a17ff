import type { ChainEvent } from "../../gen/ts/dispatcher/v1/chain_event_pb.ts";
import { type Delivery, DeliveryState } from "../../gen/ts/dispatcher/v1/delivery_pb.ts";
import type { GetChainResponse } from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import type { Attempt } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import type { Customer } from "./customers.ts";
import { chainOf } from "./shop/chain-type.ts";
import type { DispatcherClient } from "./shop/dispatcher-client.ts";
import { until } from "./until.ts";

/** Waits for the move that makes the version of the customer's chain, and returns its event. */
export function moveOf(
  { dispatcher }: DispatcherClient,
  customer: Customer,
  version: bigint,
): Promise<ChainEvent> {
  return until(`the cart of ${customer.name} has made move ${version}`, async () => {
    const { events } = await dispatcher.listChainEvents({ chain: chainOf(customer) });
    return events.find((event) => event.version === version);
  });
}

/** Waits until the last attempt that did not move the customer's chain is such a one, and returns it with the chain. */
export function lastAttemptOf(
  { dispatcher }: DispatcherClient,
  customer: Customer,
  isAwaited: (attempt: Attempt) => boolean,
): Promise<GetChainResponse> {
  return until(`the last attempt to move the cart of ${customer.name} is the awaited one`, async () => {
    const read = await dispatcher.getChain({ chain: chainOf(customer) });
    return read.lastAttempt && isAwaited(read.lastAttempt) ? read : undefined;
  });
}

/** The delivery of a move as it stands now. */
export async function deliveryOf(
  { operations }: DispatcherClient,
  { chainId, version }: ChainEvent,
): Promise<Delivery> {
  const { deliveries } = await operations.listDeliveries({ chainId });
  const delivery = deliveries.find((one) => one.version === version);
  if (!delivery) throw new Error(`move ${version} of chain ${chainId} has no delivery`);
  return delivery;
}

/** Waits until the callback of a move has answered that it is done. */
export function deliveredOf(client: DispatcherClient, event: ChainEvent): Promise<Delivery> {
  return until(`the delivery of ${event.transition} has been made`, async () => {
    const delivery = await deliveryOf(client, event);
    return delivery.state === DeliveryState.DELIVERED ? delivery : undefined;
  });
}

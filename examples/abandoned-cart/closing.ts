import { isDeepStrictEqual } from "node:util";
import { type Delivery, DeliveryState } from "../../gen/ts/dispatcher/v1/delivery_pb.ts";
import type { Customer } from "./customers.ts";
import type { ReceivedMail } from "./mail-server.ts";
import { say } from "./narrator.ts";
import { chainOf } from "./shop/chain-type.ts";
import type { DispatcherClient } from "./shop/dispatcher-client.ts";
import type { SentMail } from "./shop/ledger.ts";
import { messageIdOf } from "./shop/mailer.ts";

/** Stands in the history where nobody asked for the move. */
const SCHEDULER = "scheduler";

/** What is there when the story has been told. */
export interface Remains {
  readonly received: readonly ReceivedMail[];
  readonly ledger: readonly SentMail[];
}

/**
 * Shows history, deliveries and mails of a customer's cart, and says whether they are what the story demands; what differs is
 * shown too.
 */
export async function isAsExpected(
  { dispatcher, operations }: DispatcherClient,
  customer: Customer,
  { received, ledger }: Remains,
): Promise<boolean> {
  const chain = chainOf(customer);
  const { events } = await dispatcher.listChainEvents({ chain });
  const { deliveries } = await operations.listDeliveries({ chainId: events[0]?.chainId ?? "" });
  const sent = ledger.filter(({ to }) => to === customer.email);
  const copies = ({ deliveryId }: SentMail) =>
    received.filter(({ messageId }) => messageId === messageIdOf(deliveryId)).length;

  say(`  cart ${customer.id} of ${customer.name}, customer ${customer.customer}`);
  for (const event of events) {
    say(`      ${lineOf(event).padEnd(66)}  by the ${event.requestedBy}`);
  }
  for (const mail of sent) {
    const delivery = deliveries.find(({ deliveryId }) => deliveryId === mail.deliveryId);
    say(`      mail "${mail.subject}"`);
    say(
      `          delivered in ${count(delivery?.attempts ?? 0, "attempt")}, ${count(copies(mail), "copy", "copies")} at the mail server, once in the ledger`,
    );
  }

  const differs = (what: string, found: readonly unknown[], expected: readonly unknown[]) => {
    if (isDeepStrictEqual(found, expected)) return false;
    say(`  the ${what} of ${customer.name} differ`);
    say(`      expected  ${JSON.stringify(expected)}`);
    say(`      found     ${JSON.stringify(found)}`);
    return true;
  };
  const others = events
    .map(({ requestedBy }) => requestedBy)
    .filter((by) => by !== SCHEDULER && by !== customer.alsoMovedBy);
  const differences = [
    differs("moves", events.map(lineOf), customer.history),
    differs("moves by others than the scheduler", others, []),
    differs(
      "mails in the ledger",
      sent.map((mail) => ({ subject: mail.subject, copies: copies(mail) })),
      customer.mails,
    ),
    differs(
      "mails at the mail server",
      received.filter(({ to }) => to === customer.email).map(({ subject }) => subject),
      customer.mails.flatMap(({ subject, copies }) => Array.from({ length: copies }, () => subject)),
    ),
    differs(
      "deliveries",
      deliveries.map(idIfDelivered),
      sent.map(({ deliveryId }) => deliveryId),
    ),
  ];
  return !differences.some(Boolean);
}

function lineOf(event: {
  version: bigint;
  transition: string;
  fromState: string;
  finalState: string;
}): string {
  return `${event.version}  ${event.transition}: ${event.fromState} -> ${event.finalState}`;
}

function idIfDelivered({ deliveryId, state, lastError }: Delivery): string {
  return state === DeliveryState.DELIVERED ? deliveryId : `${deliveryId} is not delivered: ${lastError}`;
}

function count(number: number, one: string, several = `${one}s`): string {
  return `${number} ${number === 1 ? one : several}`;
}

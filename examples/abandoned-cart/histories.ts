import { isDeepStrictEqual } from "node:util";
import type { Client } from "@connectrpc/connect";
import type { DispatcherService } from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import type { Customer } from "./customers.ts";
import { say } from "./narrator.ts";
import { chainOf } from "./shop/chain-type.ts";

/** Reads a cart's history and shows it: one line per event, in the order of the versions. */
export async function readHistory(
  dispatcher: Client<typeof DispatcherService>,
  customer: Customer,
): Promise<string[]> {
  const { events } = await dispatcher.listChainEvents({ chain: chainOf(customer) });
  say(`  cart ${customer.id} of ${customer.name}, customer ${customer.customer}`);
  for (const event of events) {
    say(`      ${line(event).padEnd(66)}  requested by ${event.requestedBy}`);
  }
  return events.map(line);
}

function line(event: { version: bigint; transition: string; fromState: string; finalState: string }): string {
  return `${event.version}  ${event.transition}: ${event.fromState} -> ${event.finalState}`;
}

/** Says whether what was found is what the story demands, and what differs if not. */
export function isAsExpected(what: string, found: readonly string[], expected: readonly string[]): boolean {
  const asExpected = isDeepStrictEqual(found, expected);
  if (!asExpected) {
    say(`  ${what} differs`);
    say(`      expected  ${expected.join(" | ")}`);
    say(`      found     ${found.join(" | ")}`);
  }
  return asExpected;
}

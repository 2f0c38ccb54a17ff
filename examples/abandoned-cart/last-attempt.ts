import { setTimeout as wait } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Client } from "@connectrpc/connect";
import type {
  DispatcherService,
  GetChainResponse,
} from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import type { Evaluation } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import type { Customer } from "./customers.ts";
import { chainOf } from "./shop/chain-type.ts";

/**
 * Reads a customer's chain with the trace of the attempt that was answered so. The trace is written a moment after the
 * answer, so that the commonest answer of all need not wait for a disk; this waits for it.
 */
export async function readLastAttempt(
  dispatcher: Client<typeof DispatcherService>,
  customer: Customer,
  answered: readonly Evaluation[],
): Promise<GetChainResponse> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const read = await dispatcher.getChain({ chain: chainOf(customer) });
    if (isDeepStrictEqual(read.lastAttempt?.evaluations.map(reasons), answered.map(reasons))) return read;
    if (Date.now() > deadline) throw new Error("the last attempt is not the one that was answered");
    await wait(20);
  }
}

function reasons({ transition, errors }: Evaluation): unknown {
  return { transition, errors };
}

import { randomUUID } from "node:crypto";
import { type Client, ConnectError } from "@connectrpc/connect";
import type {
  DispatcherService,
  ExecuteResponse,
} from "../../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { type Evaluation, EvaluationReportSchema } from "../../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { ErrorInfoSchema } from "../../../gen/ts/google/rpc/error_details_pb.ts";
import type { Cart } from "./carts.ts";
import { chainOf } from "./chain-type.ts";

/** What an Execute of one cart came to. */
export type ExecutedCart =
  | { readonly kind: "answered"; readonly response: ExecuteResponse }
  | { readonly kind: "refused"; readonly refusal: Refused };

/** Why the sidecar refused an Execute, with the verdicts it had got until then. */
export interface Refused {
  readonly reason: string;
  readonly evaluations: readonly Evaluation[];
}

/**
 * Lets the sidecar take the next step with a cart now, if there is one. A new cart is made known in this way; from then on the
 * scheduler looks at it. Whoever else executes it at the same moment: it makes each step once.
 */
export async function executeCart(
  cart: Cart,
  dispatcher: Client<typeof DispatcherService>,
  requestedBy: string,
): Promise<ExecutedCart> {
  try {
    const response = await dispatcher.execute({
      chain: chainOf(cart),
      createIfAbsent: true,
      requestedBy,
      // Names this call. After a lost connection the same id could be sent again without taking a second step.
      requestId: randomUUID(),
    });
    return { kind: "answered", response };
  } catch (error) {
    return { kind: "refused", refusal: refusedBy(ConnectError.from(error)) };
  }
}

function refusedBy(error: ConnectError): Refused {
  return {
    reason: error.findDetails(ErrorInfoSchema)[0]?.reason ?? error.message,
    evaluations: error.findDetails(EvaluationReportSchema)[0]?.evaluations ?? [],
  };
}

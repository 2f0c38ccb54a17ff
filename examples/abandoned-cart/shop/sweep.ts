import { randomUUID } from "node:crypto";
import { type Client, ConnectError } from "@connectrpc/connect";
import type {
  DispatcherService,
  ExecuteResponse,
} from "../../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import {
  type Evaluation,
  EvaluationReportSchema,
  Outcome,
} from "../../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { ErrorInfoSchema } from "../../../gen/ts/google/rpc/error_details_pb.ts";
import type { Cart, Carts } from "./carts.ts";
import { chainOf } from "./chain-type.ts";

/** What one night's Execute of one cart came to. */
export type SweptCart =
  | {
      readonly kind: "answered";
      readonly cart: Cart;
      readonly response: ExecuteResponse;
      readonly mail?: Mail;
    }
  | { readonly kind: "refused"; readonly cart: Cart; readonly refusal: Refused };

/** A mail that the shop sent because of a transition. */
export interface Mail {
  readonly to: string;
  readonly subject: string;
}

/** Why the sidecar refused an Execute, with the verdicts it had got until then. */
export interface Refused {
  readonly reason: string;
  readonly evaluations: readonly Evaluation[];
}

/**
 * The shop's nightly cron job: lets the sidecar take the next step with every open cart. It may run twice, overlap with
 * another run, or be missed for a night: each cart makes each step once.
 */
export async function sweep(
  carts: Carts,
  dispatcher: Client<typeof DispatcherService>,
  requestedBy: string,
): Promise<SweptCart[]> {
  const swept: SweptCart[] = [];
  for (const cart of carts.open()) {
    const result = await executeCart(cart, dispatcher, requestedBy);
    if (result.kind === "answered" && result.response.chain?.final) carts.settle(cart.id);
    swept.push(result);
  }
  return swept;
}

async function executeCart(
  cart: Cart,
  dispatcher: Client<typeof DispatcherService>,
  requestedBy: string,
): Promise<SweptCart> {
  try {
    const response = await dispatcher.execute({
      chain: chainOf(cart),
      createIfAbsent: true,
      requestedBy,
      // Names this call. After a lost connection the same id could be sent again without taking a second step.
      requestId: randomUUID(),
    });
    const mail = mailFor(response);
    return mail ? { kind: "answered", cart, response, mail } : { kind: "answered", cart, response };
  } catch (error) {
    return { kind: "refused", cart, refusal: refusedBy(ConnectError.from(error)) };
  }
}

/** Only the call that moved the chain is told TRANSITIONED, so only that one sends the mail. */
function mailFor({ outcome, transition }: ExecuteResponse): Mail | undefined {
  const { to, subject } = transition?.context ?? {};
  const moved = outcome === Outcome.TRANSITIONED;
  return moved && typeof to === "string" && typeof subject === "string" ? { to, subject } : undefined;
}

function refusedBy(error: ConnectError): Refused {
  return {
    reason: error.findDetails(ErrorInfoSchema)[0]?.reason ?? error.message,
    evaluations: error.findDetails(EvaluationReportSchema)[0]?.evaluations ?? [],
  };
}

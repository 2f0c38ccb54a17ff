import { once } from "node:events";
import { createServer } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  type ValidateRequest,
  ValidatorService,
  Verdict,
} from "../../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import type { Carts } from "./carts.ts";
import { type Judgement, judgeBooking, judgeReminder } from "./judgement.ts";
import type { Payments } from "./payments.ts";

/** Serves `booking_complete` and `reminder_2_days` over gRPC. */
export async function serveGrpcValidators(port: number, carts: Carts, payments: Payments): Promise<void> {
  const handler = connectNodeAdapter({
    routes: (router) =>
      router.service(ValidatorService, {
        async validate(request) {
          const judgement = await judge(request, carts, payments);
          return judgement.kind === "valid"
            ? { verdict: Verdict.VALID, context: judgement.context }
            : { verdict: Verdict.INVALID, errors: [judgement.error] };
        },
      }),
  });

  const server = createServer(handler).listen(port, "127.0.0.1");
  await once(server, "listening");
}

async function judge(
  { transition, chain }: ValidateRequest,
  carts: Carts,
  payments: Payments,
): Promise<Judgement> {
  const about = chain?.resources.find((resource) => resource.resourceType === "cart");
  const cart = carts.get(about?.resourceId ?? "");

  switch (transition) {
    case "booking_complete":
      return judgeBooking(cart, await payments.isPaid(cart.id));
    case "reminder_2_days":
      return judgeReminder(cart, carts.today, 2, "You left something in your cart");
    default:
      throw new ConnectError(`no validator for ${transition}`, Code.Unimplemented);
  }
}

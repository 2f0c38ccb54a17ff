import { Carts } from "./carts.ts";
import { abandonedCart } from "./chain-type.ts";
import type { Command, FromShop, ToShop } from "./commands.ts";
import { createDispatcherClient } from "./dispatcher-client.ts";
import { serveGrpcValidators } from "./grpc-validators.ts";
import { HttpValidator } from "./http-validator.ts";
import { type SweptCart, sweep } from "./sweep.ts";

const carts = new Carts();
const { dispatcher, registry } = createDispatcherClient(
  process.env["DISPATCHER_ADDRESS"] ?? "127.0.0.1:7480",
);

const reminderAfterAWeek = new HttpValidator(carts);
const grpcEndpoint = await serveGrpcValidators(carts);
const httpEndpoint = await reminderAfterAWeek.serve();

// At every start, again and again: what the sidecar knows already changes nothing.
await registry.registerChainType({ chainType: abandonedCart });
await registry.registerValidator({
  chainType: abandonedCart.name,
  transitions: ["booking_complete", "reminder_2_days"],
  endpoint: grpcEndpoint,
});
await registry.registerValidator({
  chainType: abandonedCart.name,
  transitions: ["reminder_1_week"],
  endpoint: httpEndpoint,
});

process.on("message", ({ id, command }: ToShop) => {
  run(command).then(
    (swept) => tell({ kind: "finished", id, swept }),
    (error) => tell({ kind: "failed", id, message: String(error) }),
  );
});
// The demo is gone, however it ended: so is its shop.
process.once("disconnect", () => process.exit());
tell({ kind: "open" });

async function run(command: Command): Promise<readonly SweptCart[]> {
  switch (command.kind) {
    case "fill-cart":
      carts.fill(command.cart, command.customer, command.name, command.amount);
      return [];
    case "change-cart":
      carts.change(command.cart);
      return [];
    case "book":
      carts.book(command.cart);
      return [];
    case "begin-day":
      carts.today = command.day;
      return [];
    case "break-web-handler":
      reminderAfterAWeek.broken = true;
      return [];
    case "mend-web-handler":
      reminderAfterAWeek.broken = false;
      return [];
    case "sweep":
      return sweep(carts, dispatcher, command.requestedBy);
  }
}

function tell(message: FromShop): void {
  process.send?.(message);
}

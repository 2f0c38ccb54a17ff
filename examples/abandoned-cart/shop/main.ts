import { DatabaseSync } from "node:sqlite";
import { CallbackMode } from "../../../gen/ts/dispatcher/v1/chain_type_pb.ts";
import { Carts } from "./carts.ts";
import { abandonedCart, cartChainType } from "./chain-type.ts";
import type { Command, FromShop, Told, ToShop } from "./commands.ts";
import { createDispatcherClient } from "./dispatcher-client.ts";
import { executeCart } from "./execute-cart.ts";
import { serveGrpcValidators } from "./grpc-validators.ts";
import { HttpValidator } from "./http-validator.ts";
import { Ledger } from "./ledger.ts";
import { Mailer } from "./mailer.ts";
import { Payments } from "./payments.ts";
import { ReminderCallback } from "./reminder-callback.ts";
import { serveWeb } from "./web-server.ts";

const {
  DISPATCHER_ADDRESS = "127.0.0.1:7480",
  SHOP_DATABASE = "shop.sqlite",
  SHOP_GRPC_PORT = "9001",
  SHOP_WEB_PORT = "9002",
  SMTP_URL = "smtp://127.0.0.1:25",
} = process.env;
const webUrl = `http://127.0.0.1:${SHOP_WEB_PORT}`;

const database = new DatabaseSync(SHOP_DATABASE);
const carts = new Carts(database);
const ledger = new Ledger(database);
const payments = new Payments(carts);
const reminderAfterAWeek = new HttpValidator(carts);
const reminderCallback = new ReminderCallback(ledger, new Mailer(SMTP_URL));

await serveGrpcValidators(Number(SHOP_GRPC_PORT), carts, payments);
await serveWeb(Number(SHOP_WEB_PORT), {
  "/validators/reminder-1-week": (body) => reminderAfterAWeek.judge(body),
  "/callbacks/reminder": (body) => reminderCallback.handle(body),
});

// At every start, again and again: what the sidecar knows already changes nothing.
const { dispatcher, registry } = createDispatcherClient(DISPATCHER_ADDRESS);
await registry.registerChainType({
  chainType: cartChainType({
    grpc: `grpc://127.0.0.1:${SHOP_GRPC_PORT}`,
    web: `${webUrl}/validators/reminder-1-week`,
  }),
});
await registry.registerCallback({
  chainType: abandonedCart,
  transitions: ["reminder_2_days", "reminder_1_week"],
  endpoint: `${webUrl}/callbacks/reminder`,
  // A sidecar that dies in the middle of a delivery keeps it from the others for as long, and ten seconds more.
  timeout: { seconds: 2n },
  mode: CallbackMode.AFTER_COMMIT,
});

process.on("message", ({ id, command }: ToShop) => {
  run(command).then(
    (told) => tell({ kind: "finished", id, told }),
    (error) => tell({ kind: "failed", id, message: String(error) }),
  );
});
// The demo is gone, however it ended: so is its shop.
process.once("disconnect", () => process.exit());
tell({ kind: "open" });

async function run(command: Command): Promise<Told> {
  switch (command.kind) {
    case "fill-cart":
      carts.fill(command.cart);
      return { executed: await executeCart(carts.get(command.cart.id), dispatcher, "shop") };
    case "change-cart":
      carts.change(command.cart);
      return {};
    case "book":
      carts.book(command.cart);
      return {};
    case "begin-day":
      carts.today = command.day;
      return {};
    case "execute":
      return { executed: await executeCart(carts.get(command.cart), dispatcher, command.requestedBy) };
    case "slow-payments":
      payments.slowDown(command.cart);
      return {};
    case "count-waiting":
      return { waiting: payments.waiting(command.cart) };
    case "quick-payments":
      payments.speedUp(command.cart);
      return {};
    case "break-web-handler":
      reminderAfterAWeek.broken = true;
      return {};
    case "mend-web-handler":
      reminderAfterAWeek.broken = false;
      return {};
    case "read-ledger":
      return { ledger: ledger.read() };
  }
}

function tell(message: FromShop): void {
  process.send?.(message);
}

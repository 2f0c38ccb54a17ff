import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { ChainEvent } from "../../gen/ts/dispatcher/v1/chain_event_pb.ts";
import { deliveredOf, deliveryOf, moveOf } from "./awaited.ts";
import type { Cast } from "./cast.ts";
import { cleo } from "./customers.ts";
import { note, scene, tellMail, tellMove } from "./narrator.ts";
import type { DispatcherClient } from "./shop/dispatcher-client.ts";
import { messageIdOf } from "./shop/mailer.ts";
import { until } from "./until.ts";

/** Between the mail server's acceptance of a mail and the ledger: the one moment in which a mail can be sent twice. */
export async function killTheShop({ shop, client, mailServer }: Cast): Promise<void> {
  await scene(
    "Day 3. Cleo is due. The shop is killed (-9) when the mail is sent, and the ledger not written.",
  );
  const held = mailServer.holdNextAnswer();
  await shop.tell({ kind: "begin-day", day: 3 });
  const mail = await until("the mail to Cleo has been sent", () => held.mail);
  await shop.kill();
  held.release();

  const moved = await moveOf(client, cleo, 1n);
  tellMove(cleo, moved);
  tellMail(mail);
  note("the shop is killed: nobody has answered the callback, nobody has written down what was sent");
  await shop.start();
  note("the shop runs again, and the sidecar delivers again, under the same delivery id");
  const messageId = messageIdOf(await repeatedDelivery(client, moved));
  for (const copy of mailServer.received.filter((other) => other.messageId === messageId).slice(1))
    tellMail(copy);
  note("the Message-ID is the same: to a mail server, and to Cleo's mail program, these are one mail");
}

/** While the shop's answer to a delivery is on its way: only the shop knows that the mail has been sent. */
export async function killTheSidecar({ shop, sidecar, client, mailServer }: Cast): Promise<void> {
  await scene("The handler is mended. This time the sidecar is killed (-9), in the middle of the delivery.");
  const held = mailServer.holdNextAnswer();
  await shop.tell({ kind: "mend-web-handler" });
  const mail = await until("the second mail to Cleo has been sent", () => held.mail);
  await sidecar.kill();
  held.release();

  tellMail(mail);
  note("the sidecar is killed: it does not know whether the mail was sent. The shop does, by its ledger");
  await until("the ledger has the second mail to Cleo", async () => {
    const { ledger = [] } = await shop.tell({ kind: "read-ledger" });
    return ledger.find(({ deliveryId }) => messageIdOf(deliveryId) === mail.messageId);
  });
  await sidecar.start();
  note("the sidecar runs again, on the same database");
  const moved = await moveOf(client, cleo, 2n);
  tellMove(cleo, moved);
  const { nextAttemptTime } = await deliveryOf(client, moved);
  if (nextAttemptTime) {
    const seconds = Math.max(0, Math.round((timestampMs(nextAttemptTime) - Date.now()) / 1000));
    note(
      `what its predecessor was at is left alone until nobody can be at it any more: ${seconds} s from now`,
    );
  }
  await repeatedDelivery(client, moved);
  note("delivered again, under the same delivery id. The ledger knew it: no second mail");
}

/** Waits until the delivery of a move has been repeated, and returns its id. */
async function repeatedDelivery(client: DispatcherClient, moved: ChainEvent): Promise<string> {
  const { attempts, deliveryId } = await deliveredOf(client, moved);
  if (attempts < 2) throw new Error(`${deliveryId} was delivered at once: nothing was in its way`);
  return deliveryId;
}

import type { Ledger } from "./ledger.ts";
import type { Mailer } from "./mailer.ts";

/** The part of the sidecar's message that this callback looks at. */
interface Delivery {
  readonly deliveryId: string;
  /** The context is what the transition's validator answered. */
  readonly transition: {
    readonly context: {
      readonly to: string;
      readonly name: string;
      readonly subject: string;
      readonly amount: number;
    };
  };
}

/**
 * Sends the mail of a reminder: called by the sidecar when the cart has moved, and called again, under the same delivery id, until
 * it has answered with a 2xx status. What it has sent it knows by its ledger.
 *
 * What can still happen twice: the mail server has accepted the mail, and the shop is killed before the ledger has the row. No
 * order of the two does without such a gap, because a mail server takes part in no transaction; with the row first, the mail would
 * be lost instead. The second copy has the Message-ID of the first.
 */
export class ReminderCallback {
  readonly #ledger: Ledger;
  readonly #mailer: Mailer;
  /** An attempt that took too long for the sidecar is still sending when the next one comes: that one waits for it. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(ledger: Ledger, mailer: Mailer) {
    this.#ledger = ledger;
    this.#mailer = mailer;
  }

  async handle(body: string): Promise<object> {
    const delivery: Delivery = JSON.parse(body);
    const { deliveryId } = delivery;
    if (this.#ledger.has(deliveryId)) return {};

    const sending =
      this.#underWay.get(deliveryId) ?? this.#send(delivery).finally(() => this.#underWay.delete(deliveryId));
    this.#underWay.set(deliveryId, sending);
    await sending;
    return {};
  }

  async #send({ deliveryId, transition: { context } }: Delivery): Promise<void> {
    await this.#mailer.send({ deliveryId, ...context });
    this.#ledger.enter({ deliveryId, to: context.to, subject: context.subject });
  }
}

import { createTransport } from "nodemailer";
import type { SentMail } from "./ledger.ts";

/** Of an SMTP server that answers nothing any more; a callback that failed is called again. */
const SILENCE_MS = 30_000;

export interface Reminder extends SentMail {
  readonly name: string;
  readonly amount: number;
}

/** Sends the shop's mails over SMTP. */
export class Mailer {
  readonly #transport;

  /** @param url of the SMTP server, such as `smtp://127.0.0.1:25` */
  constructor(url: string) {
    this.#transport = createTransport({
      url,
      connectionTimeout: SILENCE_MS,
      greetingTimeout: SILENCE_MS,
      socketTimeout: SILENCE_MS,
    });
  }

  /** Resolves once the server has accepted the mail. */
  async send({ deliveryId, to, name, subject, amount }: Reminder): Promise<void> {
    await this.#transport.sendMail({
      from: "The shop <reminders@shop.example>",
      to: { name, address: to },
      subject,
      text: `Dear ${name},\n\nyour cart is worth ${amount} euros and still waits for you.\n`,
      messageId: messageIdOf(deliveryId),
    });
  }
}

/**
 * The same for every copy of a mail, so that mail servers and people recognise one that was sent twice. A colon may not stand in
 * a Message-ID, and a dot does not stand in a delivery id: no two become the same.
 */
export function messageIdOf(deliveryId: string): string {
  return `<${deliveryId.replaceAll(":", ".")}@shop.example>`;
}

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { SMTPServer, type SMTPServerDataStream } from "smtp-server";

/** A mail as the mail server has it. */
export interface ReceivedMail {
  readonly messageId: string;
  readonly to: string;
  readonly subject: string;
}

/** A mail server that delivers nothing: it keeps what it is sent. */
export class MailServer implements AsyncDisposable {
  /** In the order received; a mail that was sent twice is here twice. */
  readonly received: ReceivedMail[] = [];
  readonly #server: SMTPServer;
  #held: HeldAnswer | undefined;

  constructor() {
    this.#server = new SMTPServer({
      disabledCommands: ["AUTH", "STARTTLS"],
      disableReverseLookup: true,
      closeTimeout: 1_000,
      onData: (stream, session, answer) => {
        const to = session.envelope.rcptTo.map(({ address }) => address).join(", ");
        this.#receive(stream, to).then(() => answer(), answer);
      },
    });
    // A sender that is killed breaks its connection off.
    this.#server.on("error", () => undefined);
  }

  /** Returns its URL. */
  async listen(): Promise<string> {
    const server = this.#server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** The next mail is taken in as any other, but its sender hears of that only when it is released. */
  holdNextAnswer(): HeldAnswer {
    this.#held = new HeldAnswer();
    return this.#held;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#held?.release();
    await new Promise<void>((closed) => this.#server.close(closed));
  }

  async #receive(stream: SMTPServerDataStream, to: string): Promise<void> {
    const message = await text(stream);
    const mail = { messageId: headerOf(message, "Message-ID"), to, subject: headerOf(message, "Subject") };
    this.received.push(mail);

    const held = this.#held;
    this.#held = undefined;
    await held?.hold(mail);
  }
}

export class HeldAnswer {
  readonly #released = Promise.withResolvers<void>();
  #mail: ReceivedMail | undefined;

  /** Undefined until the mail has come. */
  get mail(): ReceivedMail | undefined {
    return this.#mail;
  }

  hold(mail: ReceivedMail): Promise<void> {
    this.#mail = mail;
    return this.#released.promise;
  }

  release(): void {
    this.#released.resolve();
  }
}

/** Of a header in plain ASCII. */
function headerOf(message: string, name: string): string {
  const [head = ""] = message.split("\r\n\r\n", 1);
  const lines = head.replaceAll(/\r\n[ \t]+/g, " ").split("\r\n");
  const start = `${name}: `.toLowerCase();
  const line = lines.find((other) => other.toLowerCase().startsWith(start)) ?? "";
  return line.slice(start.length).trim();
}

import type { DatabaseSync } from "node:sqlite";

/** One mail that has been sent. */
export interface SentMail {
  /** The delivery that it was sent for. */
  readonly deliveryId: string;
  readonly to: string;
  readonly subject: string;
}

/** The shop's own table of the mails that it has sent, by delivery id. On a disk: it must outlive the process. */
export class Ledger {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#database.exec(`
      create table if not exists sent_mail (
        delivery_id text primary key,
        recipient text not null,
        subject text not null
      ) strict`);
  }

  has(deliveryId: string): boolean {
    return (
      this.#database.prepare("select 1 from sent_mail where delivery_id = ?").get(deliveryId) !== undefined
    );
  }

  /** @throws Error if the delivery has a row already */
  enter({ deliveryId, to, subject }: SentMail): void {
    this.#database
      .prepare("insert into sent_mail (delivery_id, recipient, subject) values (?, ?, ?)")
      .run(deliveryId, to, subject);
  }

  /** All rows, in the order in which they were entered. */
  read(): SentMail[] {
    return this.#database
      .prepare("select delivery_id, recipient, subject from sent_mail order by rowid")
      .all()
      .map((row) => ({
        deliveryId: String(row["delivery_id"]),
        to: String(row["recipient"]),
        subject: String(row["subject"]),
      }));
  }
}

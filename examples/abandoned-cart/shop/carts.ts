import { DatabaseSync } from "node:sqlite";

/** One row of the shop's own table. The sidecar never sees it: it only learns what the validators answer. */
export interface Cart {
  readonly id: string;
  readonly customer: string;
  readonly name: string;
  readonly amount: number;
  readonly changedOnDay: number;
  readonly booked: boolean;
}

/** The shop's table of carts, and the day that its calendar shows. */
export class Carts {
  today = 0;
  readonly #database = new DatabaseSync(":memory:");

  constructor() {
    this.#database.exec(`
      create table cart (
        id text primary key,
        customer text not null,
        name text not null,
        amount integer not null,
        changed_on_day integer not null,
        booked integer not null default 0,
        settled integer not null default 0
      ) strict`);
  }

  fill(id: string, customer: string, name: string, amount: number): void {
    this.#database
      .prepare("insert into cart (id, customer, name, amount, changed_on_day) values (?, ?, ?, ?, ?)")
      .run(id, customer, name, amount, this.today);
  }

  change(id: string): void {
    this.#database.prepare("update cart set changed_on_day = ? where id = ?").run(this.today, id);
  }

  book(id: string): void {
    this.#database.prepare("update cart set booked = 1 where id = ?").run(id);
  }

  /** Takes a cart out of the nightly sweep, once its chain can make no further move. */
  settle(id: string): void {
    this.#database.prepare("update cart set settled = 1 where id = ?").run(id);
  }

  /** The carts that the nightly sweep looks at. */
  open(): Cart[] {
    return this.#database.prepare("select * from cart where settled = 0 order by id").all().map(toCart);
  }

  get(id: string): Cart {
    const row = this.#database.prepare("select * from cart where id = ?").get(id);
    if (!row) throw new Error(`there is no cart ${id}`);
    return toCart(row);
  }
}

function toCart(row: Record<string, unknown>): Cart {
  return {
    id: String(row["id"]),
    customer: String(row["customer"]),
    name: String(row["name"]),
    amount: Number(row["amount"]),
    changedOnDay: Number(row["changed_on_day"]),
    booked: row["booked"] === 1,
  };
}

import type { DatabaseSync } from "node:sqlite";

/** One row of the shop's own table. The sidecar never sees it: it only learns what the validators answer. */
export interface Cart {
  readonly id: string;
  readonly customer: string;
  readonly name: string;
  readonly email: string;
  readonly amount: number;
  readonly changedOnDay: number;
  readonly booked: boolean;
}

/** What a customer begins with. */
export type NewCart = Omit<Cart, "changedOnDay" | "booked">;

/** The shop's table of carts, and the day that its calendar shows. */
export class Carts {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#database.exec(`
      create table if not exists cart (
        id text primary key,
        customer text not null,
        name text not null,
        email text not null,
        amount integer not null,
        changed_on_day integer not null,
        booked integer not null default 0
      ) strict;
      create table if not exists calendar (one integer primary key check (one = 1), today integer not null) strict;
      insert into calendar (one, today) values (1, 0) on conflict do nothing`);
  }

  get today(): number {
    return Number(this.#database.prepare("select today from calendar").get()?.["today"]);
  }

  set today(day: number) {
    this.#database.prepare("update calendar set today = ?").run(day);
  }

  fill({ id, customer, name, email, amount }: NewCart): void {
    this.#database
      .prepare(
        "insert into cart (id, customer, name, email, amount, changed_on_day) values (?, ?, ?, ?, ?, ?)",
      )
      .run(id, customer, name, email, amount, this.today);
  }

  change(id: string): void {
    this.#database.prepare("update cart set changed_on_day = ? where id = ?").run(this.today, id);
  }

  book(id: string): void {
    this.#database.prepare("update cart set booked = 1 where id = ?").run(id);
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
    email: String(row["email"]),
    amount: Number(row["amount"]),
    changedOnDay: Number(row["changed_on_day"]),
    booked: row["booked"] === 1,
  };
}

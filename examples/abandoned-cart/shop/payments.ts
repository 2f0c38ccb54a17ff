import type { Carts } from "./carts.ts";

/** The payment provider, whom the shop asks whether a cart is paid. On some days it takes its time. */
export class Payments {
  readonly #carts: Carts;
  /** The carts about which it is slow, with those who wait for an answer. */
  readonly #slow = new Map<string, (() => void)[]>();

  constructor(carts: Carts) {
    this.#carts = carts;
  }

  async isPaid(cart: string): Promise<boolean> {
    const waiting = this.#slow.get(cart);
    if (waiting) await new Promise<void>((answer) => waiting.push(answer));
    return this.#carts.get(cart).booked;
  }

  slowDown(cart: string): void {
    this.#slow.set(cart, []);
  }

  /** How many wait for an answer about the cart. */
  waiting(cart: string): number {
    return this.#slow.get(cart)?.length ?? 0;
  }

  /** Answers all that wait, at the same moment. */
  speedUp(cart: string): void {
    const waiting = this.#slow.get(cart) ?? [];
    this.#slow.delete(cart);
    for (const answer of waiting) answer();
  }
}

import type { NewCart } from "./carts.ts";
import type { ExecutedCart } from "./execute-cart.ts";
import type { SentMail } from "./ledger.ts";

/** What the demo lets happen in the shop: the customers' doings, the calendar and what goes wrong. */
export type Command =
  | { readonly kind: "fill-cart"; readonly cart: NewCart }
  | { readonly kind: "change-cart"; readonly cart: string }
  | { readonly kind: "book"; readonly cart: string }
  | { readonly kind: "begin-day"; readonly day: number }
  | { readonly kind: "execute"; readonly cart: string; readonly requestedBy: string }
  | { readonly kind: "slow-payments"; readonly cart: string }
  | { readonly kind: "count-waiting"; readonly cart: string }
  | { readonly kind: "quick-payments"; readonly cart: string }
  | { readonly kind: "break-web-handler" }
  | { readonly kind: "mend-web-handler" }
  | { readonly kind: "read-ledger" };

/** What a command has to tell. */
export interface Told {
  readonly executed?: ExecutedCart;
  readonly waiting?: number;
  readonly ledger?: readonly SentMail[];
}

export interface ToShop {
  readonly id: number;
  readonly command: Command;
}

export type FromShop =
  | { readonly kind: "open" }
  | { readonly kind: "finished"; readonly id: number; readonly told: Told }
  | { readonly kind: "failed"; readonly id: number; readonly message: string };

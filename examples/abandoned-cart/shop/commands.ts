import type { SweptCart } from "./sweep.ts";

/** What the demo lets happen in the shop: the customers' doings, the calendar, the cron job and a failure. */
export type Command =
  | {
      readonly kind: "fill-cart";
      readonly cart: string;
      readonly customer: string;
      readonly name: string;
      readonly amount: number;
    }
  | { readonly kind: "change-cart"; readonly cart: string }
  | { readonly kind: "book"; readonly cart: string }
  | { readonly kind: "begin-day"; readonly day: number }
  | { readonly kind: "break-web-handler" }
  | { readonly kind: "mend-web-handler" }
  | { readonly kind: "sweep"; readonly requestedBy: string };

export interface ToShop {
  readonly id: number;
  readonly command: Command;
}

export type FromShop =
  | { readonly kind: "open" }
  | { readonly kind: "finished"; readonly id: number; readonly swept: readonly SweptCart[] }
  | { readonly kind: "failed"; readonly id: number; readonly message: string };

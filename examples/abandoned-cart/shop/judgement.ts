import type { Cart } from "./carts.ts";

/** The shop's answer to "may this transition be taken now?", before it is put into a protocol's words. */
export type Judgement =
  | { readonly kind: "valid"; readonly context: Readonly<Record<string, string | number>> }
  | { readonly kind: "invalid"; readonly error: string };

/** Valid once the customer has paid. */
export function judgeBooking(cart: Cart, isPaid: boolean): Judgement {
  return isPaid
    ? { kind: "valid", context: { amount: cart.amount } }
    : { kind: "invalid", error: "the cart is not booked" };
}

/** Valid when nobody has touched the cart for so many days. The context is what the mail is made of. */
export function judgeReminder(cart: Cart, today: number, days: number, subject: string): Judgement {
  const age = today - cart.changedOnDay;
  return age >= days
    ? { kind: "valid", context: { to: cart.email, name: cart.name, subject, amount: cart.amount } }
    : {
        kind: "invalid",
        error: `the cart was changed ${daysAgo(age)}, a reminder is due after ${days} days`,
      };
}

function daysAgo(days: number): string {
  if (days === 0) return "today";
  return days === 1 ? "1 day ago" : `${days} days ago`;
}

import type { NewCart } from "./shop/carts.ts";

/** Somebody with a cart, with the history and the mails that the story must leave behind. */
export interface Customer extends NewCart {
  readonly history: readonly string[];
  readonly mails: readonly ExpectedMail[];
  /** Who may have asked for a move besides the scheduler. */
  readonly alsoMovedBy?: string;
}

export interface ExpectedMail {
  readonly subject: string;
  /** How often the mail server gets it, each time under the same Message-ID. The ledger has it once. */
  readonly copies: number;
}

/** Executes a cart now and then, where somebody asks what becomes of it. */
export const supportDesk = "support desk";

const reminded = "1  reminder_2_days: new -> reminded_after_2_days";
const firstSubject = "You left something in your cart";
const secondSubject = "Your cart will not wait much longer";

/** Books before anybody reminds her. */
export const ada: Customer = {
  id: "1001",
  customer: "57842",
  name: "Ada",
  email: "ada@customers.example",
  amount: 80,
  history: ["1  booking_complete: new -> done"],
  mails: [],
};

/** Books after the first reminder. */
export const ben: Customer = {
  id: "1002",
  customer: "57843",
  name: "Ben",
  email: "ben@customers.example",
  amount: 120,
  history: [reminded, "2  booking_complete: reminded_after_2_days -> done"],
  mails: [{ subject: firstSubject, copies: 1 }],
  alsoMovedBy: supportDesk,
};

/**
 * Changes her cart on day 1, which puts the reminders off by a day, and never books. The shop is killed while it sends her first
 * mail, the sidecar while it delivers the second.
 */
export const cleo: Customer = {
  id: "1003",
  customer: "57844",
  name: "Cleo",
  email: "cleo@customers.example",
  amount: 45,
  history: [reminded, "2  reminder_1_week: reminded_after_2_days -> reminded_after_1_week"],
  mails: [
    { subject: firstSubject, copies: 2 },
    { subject: secondSubject, copies: 1 },
  ],
};

export const customers: readonly Customer[] = [ada, ben, cleo];

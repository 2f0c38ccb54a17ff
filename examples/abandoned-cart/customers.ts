/** Somebody with a cart, with the history and the mails that the story must leave behind. */
export interface Customer {
  /** Id of the cart. */
  readonly id: string;
  readonly customer: string;
  readonly name: string;
  readonly amount: number;
  readonly history: readonly string[];
  readonly mails: readonly string[];
}

const reminded = "1  reminder_2_days: new -> reminded_after_2_days";
const firstMail = "You left something in your cart";
const secondMail = "Your cart will not wait much longer";

/** Books before anybody reminds her. */
export const ada: Customer = {
  id: "1001",
  customer: "57842",
  name: "Ada",
  amount: 80,
  history: ["1  booking_complete: new -> done"],
  mails: [],
};

/** Books after the first reminder. */
export const ben: Customer = {
  id: "1002",
  customer: "57843",
  name: "Ben",
  amount: 120,
  history: [reminded, "2  booking_complete: reminded_after_2_days -> done"],
  mails: [firstMail],
};

/** Changes her cart on day 1, which puts the reminders off by a day, and never books. */
export const cleo: Customer = {
  id: "1003",
  customer: "57844",
  name: "Cleo",
  amount: 45,
  history: [reminded, "2  reminder_1_week: reminded_after_2_days -> reminded_after_1_week"],
  mails: [firstMail, secondMail],
};

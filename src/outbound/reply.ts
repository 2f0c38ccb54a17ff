import type { Failure } from "./failure.ts";

/** The call ended before its answer: its time was up, or the answer was no longer wanted. */
export interface GivenUp {
  readonly kind: "given up";
  /** The peer may have the request. */
  readonly isSent: boolean;
}

/** What came of one call. */
export type Reply<Answer> = { readonly kind: "answer"; readonly answer: Answer } | Failure | GivenUp;

/** Of a request that is sent, or might as well be. */
export const GIVEN_UP: GivenUp = { kind: "given up", isSent: true };

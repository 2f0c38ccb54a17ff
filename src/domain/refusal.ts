import type { Evaluation } from "./evaluation.ts";

/** Why a request was refused: the values of the API's ErrorReason without their prefix. */
export type RefusalReason =
  | "INVALID_REQUEST"
  | "INVALID_DEFINITION"
  | "INVALID_PAGE_TOKEN"
  | "REQUEST_ID_REUSED"
  | "MALFORMED_MESSAGE"
  | "CHAIN_NOT_FOUND"
  | "CHAIN_TYPE_NOT_FOUND"
  | "TRANSITION_NOT_FOUND"
  | "STATE_NOT_FOUND"
  | "DELIVERY_NOT_FOUND"
  | "RESOURCES_TAKEN"
  | "AMBIGUOUS_MATCH"
  | "CHAIN_DISABLED"
  | "VERSION_MISMATCH"
  | "NOT_DUE"
  | "STATE_REMOVED"
  | "STATES_IN_USE"
  | "CHAIN_TYPE_IN_USE"
  | "DELIVERY_PENDING"
  | "VALIDATOR_NOT_REGISTERED"
  | "VALIDATOR_BROKEN"
  | "CURSOR_EXPIRED"
  | "CLAIMED"
  | "CLAIM_EXPIRED"
  | "CONCURRENT_TRANSITION"
  | "REVISION_CHANGED"
  | "ENDPOINT_NOT_ALLOWED"
  | "PAYLOAD_TOO_LARGE"
  | "HISTORY_FULL"
  | "TOO_MANY_CHAIN_TYPES"
  | "VALIDATOR_UNAVAILABLE"
  | "CALLBACK_UNANSWERED"
  | "SLOW_READER"
  | "DATABASE_UNAVAILABLE"
  | "COMMIT_UNKNOWN"
  | "NOT_READY"
  | "DEADLINE_EXCEEDED"
  | "CANCELLED"
  | "NOT_IMPLEMENTED"
  | "INTERNAL";

/** One thing that is wrong with what was sent, and where. */
export interface FieldProblem {
  /** Path of the field from the request's root, such as `chain_type.states[2].transitions[0]`. */
  readonly field: string;
  readonly message: string;
}

export interface RefusalDetails {
  /** Every variable of the message. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly problems?: readonly FieldProblem[] | undefined;
  /** Waiting helps, and this long. */
  readonly retryAfterMs?: number | undefined;
  /** The verdicts that stopped an Execute. */
  readonly evaluations?: readonly Evaluation[] | undefined;
  /** For the log only. */
  readonly cause?: unknown;
}

/** A request that was not carried out, for a reason that its caller is told. */
export class Refusal extends Error {
  readonly reason: RefusalReason;
  readonly details: RefusalDetails;

  constructor(reason: RefusalReason, message: string, details: RefusalDetails = {}) {
    super(message, { cause: details.cause });
    this.name = "Refusal";
    this.reason = reason;
    this.details = details;
  }
}

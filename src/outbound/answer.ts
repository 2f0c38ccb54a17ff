import type { ValidateResponse } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import type { Failure } from "./failure.ts";

/** What came back from an endpoint: a message that could be read, or why there is none. */
export type Answer = { readonly kind: "answer"; readonly message: ValidateResponse } | Failure;

export interface CallLimits {
  readonly signal: AbortSignal;
  /** When the call is given up, on the monotonic clock. */
  readonly untilMs: number;
}

/** Above this an answer is not read any further. */
export const MAX_ANSWER_BYTES = 64 * 1024;

import { randomUUID } from "node:crypto";
import { Code, ConnectError } from "@connectrpc/connect";
import { Refusal, type RefusalReason } from "../domain/refusal.ts";
import { cutText } from "./cut-text.ts";
import { detailsWithin } from "./error-details.ts";

/** The one place that says which canonical code a reason travels under; error_reason.proto tells callers the same. */
export const codeOfReason: Readonly<Record<RefusalReason, Code>> = {
  INVALID_REQUEST: Code.InvalidArgument,
  INVALID_DEFINITION: Code.InvalidArgument,
  INVALID_PAGE_TOKEN: Code.InvalidArgument,
  REQUEST_ID_REUSED: Code.InvalidArgument,
  MALFORMED_MESSAGE: Code.InvalidArgument,
  CHAIN_NOT_FOUND: Code.NotFound,
  CHAIN_TYPE_NOT_FOUND: Code.NotFound,
  TRANSITION_NOT_FOUND: Code.NotFound,
  STATE_NOT_FOUND: Code.NotFound,
  DELIVERY_NOT_FOUND: Code.NotFound,
  RESOURCES_TAKEN: Code.AlreadyExists,
  AMBIGUOUS_MATCH: Code.FailedPrecondition,
  CHAIN_DISABLED: Code.FailedPrecondition,
  VERSION_MISMATCH: Code.FailedPrecondition,
  NOT_DUE: Code.FailedPrecondition,
  STATE_REMOVED: Code.FailedPrecondition,
  STATES_IN_USE: Code.FailedPrecondition,
  CHAIN_TYPE_IN_USE: Code.FailedPrecondition,
  DELIVERY_PENDING: Code.FailedPrecondition,
  CURSOR_EXPIRED: Code.FailedPrecondition,
  VALIDATOR_NOT_REGISTERED: Code.FailedPrecondition,
  VALIDATOR_BROKEN: Code.FailedPrecondition,
  CLAIMED: Code.Aborted,
  CLAIM_EXPIRED: Code.Aborted,
  CONCURRENT_TRANSITION: Code.Aborted,
  REVISION_CHANGED: Code.Aborted,
  ENDPOINT_NOT_ALLOWED: Code.PermissionDenied,
  PAYLOAD_TOO_LARGE: Code.ResourceExhausted,
  HISTORY_FULL: Code.ResourceExhausted,
  TOO_MANY_CHAIN_TYPES: Code.ResourceExhausted,
  VALIDATOR_UNAVAILABLE: Code.Unavailable,
  CALLBACK_UNANSWERED: Code.Unavailable,
  DATABASE_UNAVAILABLE: Code.Unavailable,
  COMMIT_UNKNOWN: Code.Unavailable,
  NOT_READY: Code.Unavailable,
  DEADLINE_EXCEEDED: Code.DeadlineExceeded,
  CANCELLED: Code.Canceled,
  NOT_IMPLEMENTED: Code.Unimplemented,
  INTERNAL: Code.Internal,
};

/** What a message may take as it travels, percent-encoded, in a gRPC trailer. */
const MAX_MESSAGE_BYTES = 2048;

/**
 * What a caller is told about anything that was thrown.
 *
 * Only a Refusal is told. Everything else is a bug: its text stays in the log, under the request id that the caller is
 * given. Message and details together fit the 8 KiB of metadata that gRPC clients accept.
 */
export function toConnectError(error: unknown, requestId: string = randomUUID()): ConnectError {
  const refusal = toldOf(error, requestId);
  const message = cutMessage(refusal.message);
  const details = detailsWithin(refusal, message);
  return new ConnectError(message, codeOfReason[refusal.reason], undefined, details, error);
}

/** The refusal that the caller is told of: the error itself, or in place of a bug one that names the request in the log. */
export function toldOf(error: unknown, requestId: string): Refusal {
  return isTold(error) ? error : internalError(requestId, error);
}

/** True for what reaches the caller as it is; false for a bug. */
export function isTold(error: unknown): error is Refusal {
  return error instanceof Refusal && error.reason !== "INTERNAL";
}

function internalError(requestId: string, cause: unknown): Refusal {
  return new Refusal("INTERNAL", `internal error (request ${requestId})`, {
    metadata: { request_id: requestId },
    cause,
  });
}

/** A character that is no ASCII takes up to three times its bytes when it travels. */
function cutMessage(message: string): string {
  let maxBytes = MAX_MESSAGE_BYTES;
  let cut = cutText(message, maxBytes);
  while (encodeURI(cut).length > MAX_MESSAGE_BYTES) {
    maxBytes = Math.floor(maxBytes * 0.75);
    cut = cutText(message, maxBytes);
  }
  return cut;
}

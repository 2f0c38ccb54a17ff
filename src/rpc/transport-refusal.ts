import { Code } from "@connectrpc/connect";
import { Refusal } from "../domain/refusal.ts";
import { deadlineExceeded } from "./live-call.ts";

/**
 * The refusal for what a transport refused by itself, before any handler was asked: bytes that are no message, a message above
 * the limit, a header that cannot be read.
 */
export function transportRefusal(code: Code, message: string): Refusal {
  switch (code) {
    case Code.InvalidArgument:
      return malformed(message);
    case Code.ResourceExhausted:
      return new Refusal("PAYLOAD_TOO_LARGE", message);
    case Code.Unimplemented:
      return new Refusal("NOT_IMPLEMENTED", message);
    case Code.DeadlineExceeded:
      return deadlineExceeded();
    case Code.Canceled:
    case Code.Aborted:
      return new Refusal("CANCELLED", message);
    default:
      return BLAMED_ON_SERVER.some((beginning) => message.startsWith(beginning))
        ? malformed(message)
        : new Refusal("INTERNAL", message);
  }
}

export function malformed(message: string): Refusal {
  return new Refusal("MALFORMED_MESSAGE", message);
}

/** Beginnings of messages for which the libraries answer INTERNAL, though the caller sent something unreadable. */
const BLAMED_ON_SERVER = ["parse binary: ", "Invalid grpc-timeout", "Failed to decompress", "invalid base64"];

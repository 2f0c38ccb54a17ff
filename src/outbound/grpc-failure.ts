import { type ServiceError, status } from "@grpc/grpc-js";
import { connectionFailure, notGrpc } from "./connection-failure.ts";
import type { GrpcEndpoint } from "./endpoint.ts";
import { type Failure, failure, quoted } from "./failure.ts";

/** The server failed in answering, rather than refusing the question: asking again may help. */
const FAILED: ReadonlySet<number> = new Set([
  status.UNAVAILABLE,
  status.UNKNOWN,
  status.INTERNAL,
  status.RESOURCE_EXHAUSTED,
  status.ABORTED,
  status.CANCELLED,
]);

/** What a gRPC status tells of a validator. grpc-js makes statuses of its own of whatever goes wrong, told apart by their text. */
export function grpcFailure(endpoint: GrpcEndpoint, { code, details }: ServiceError): Failure {
  if (code === status.DEADLINE_EXCEEDED)
    return failure("TIMEOUT", "did not answer in time", "make it faster");
  if (/Received message larger than max|Received HTTP\/2 frame larger/.test(details)) {
    return failure("TOO_LARGE", "answered more than 64 KiB", "answer less: put large data behind a link");
  }
  if (/Received HTTP status code|Missing or incorrect content-type|Protocol error/i.test(details)) {
    return notGrpc(endpoint, details);
  }
  if (
    /Unhandled message type|Too many responses received|No message received|compressed message/i.test(details)
  ) {
    return failure(
      "MALFORMED",
      `broke the gRPC protocol (${quoted(details)})`,
      "use a gRPC library for the server",
    );
  }
  if (isOfTheConnection(code, details)) return connectionFailure(endpoint, details);
  if (code === status.UNIMPLEMENTED) {
    return failure(
      "REFUSED",
      `does not have dispatcher.validator.v1.ValidatorService/Validate (${quoted(details)})`,
      "add the service to the gRPC server, or correct the address",
    );
  }
  const name = status[code] ?? String(code);
  return FAILED.has(code)
    ? failure("FAILED", `failed with ${name} ${quoted(details)}`, "see the validator's log")
    : failure(
        "REFUSED",
        `refused the question with ${name} ${quoted(details)}`,
        "see the validator's log; answer VERDICT_INVALID for no",
      );
}

function isOfTheConnection(code: number, details: string): boolean {
  const isOwnStatus = code === status.UNAVAILABLE || code === status.INTERNAL || code === status.CANCELLED;
  return (
    isOwnStatus &&
    /No connection established|Connection dropped|Name resolution failed|Stream (refused|closed)|RST_STREAM|ECONN|EPIPE|ENOENT|EHOSTUNREACH|Session closed|connect |read |write |SSL|certificate|Call ended without|Stream removed|socket/i.test(
      details,
    )
  );
}

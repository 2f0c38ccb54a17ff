import { status } from "@grpc/grpc-js";
import { type Failure, failure, quoted } from "./failure.ts";
import type { MethodTerms } from "./method-terms.ts";

const TROUBLE: ReadonlySet<number> = new Set([
  status.UNAVAILABLE,
  status.UNKNOWN,
  status.INTERNAL,
  status.RESOURCE_EXHAUSTED,
  status.ABORTED,
  status.CANCELLED,
]);

/**
 * Says what an error status that came from the peer means. One that tells of trouble in it may be gone at the next try, and
 * gRPC has unknown numbers count as UNKNOWN; the others refuse the request.
 */
export function grpcStatusFailure(code: number, details: string, terms: MethodTerms): Failure {
  const name = status[code];
  const problem = `answered the gRPC status ${name ?? code}${details ? ` (${quoted(details)})` : ""}`;
  if (code === status.DEADLINE_EXCEEDED)
    return failure("TIMEOUT", problem, `make the ${terms.server} faster, or give it a longer timeout`);
  if (name === undefined || TROUBLE.has(code))
    return failure("FAILED", problem, `see the ${terms.server}'s log`);
  return failure("REFUSED", problem, remedyFor(code, terms));
}

function remedyFor(code: number, { server, service, insteadOfRefusing }: MethodTerms): string {
  switch (code) {
    case status.UNIMPLEMENTED:
      return `the server has no ${service}; serve it there, or correct the address`;
    case status.INVALID_ARGUMENT:
      return `see the ${server}'s log for what it does not accept`;
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
      return `${server}s are called without credentials; let the sidecar in`;
    default:
      return insteadOfRefusing.grpc;
  }
}

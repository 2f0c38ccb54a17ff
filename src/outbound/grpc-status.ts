import { status } from "@grpc/grpc-js";
import { type Failure, failure, quoted } from "./failure.ts";

const TROUBLE: ReadonlySet<number> = new Set([
  status.UNAVAILABLE,
  status.UNKNOWN,
  status.INTERNAL,
  status.RESOURCE_EXHAUSTED,
  status.ABORTED,
  status.CANCELLED,
]);

const REMEDIES: Readonly<Record<number, string>> = {
  [status.UNIMPLEMENTED]:
    "the server has no dispatcher.validator.v1.ValidatorService; serve it there, or correct the address",
  [status.INVALID_ARGUMENT]: "see the validator's log for what it does not accept",
  [status.UNAUTHENTICATED]: "validators are called without credentials; let the sidecar in",
  [status.PERMISSION_DENIED]: "validators are called without credentials; let the sidecar in",
};

/**
 * Says what an error status that came from the validator means. One that tells of trouble in it may be gone at the next
 * try, and gRPC has unknown numbers count as UNKNOWN; the others refuse the question.
 */
export function grpcStatusFailure(code: number, details: string): Failure {
  const name = status[code];
  const problem = `answered the gRPC status ${name ?? code}${details ? ` (${quoted(details)})` : ""}`;
  if (code === status.DEADLINE_EXCEEDED)
    return failure("TIMEOUT", problem, "make the validator faster, or give it a longer timeout");
  if (name === undefined || TROUBLE.has(code)) return failure("FAILED", problem, "see the validator's log");
  return failure(
    "REFUSED",
    problem,
    REMEDIES[code] ?? 'a "no" is the status OK with VERDICT_INVALID, never an error status',
  );
}

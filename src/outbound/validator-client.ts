import type { Endpoint } from "../domain/chain-type.ts";
import { keepableText } from "../domain/text.ts";
import type { Verdict, VerdictErrorReason } from "../domain/verdict.ts";
import { type Failure, failure, failureText } from "./failure.ts";
import { createHostClient, type HostClientOptions } from "./host-client.ts";
import { type Question, questionToProto } from "./question.ts";
import { readAnswer } from "./read-answer.ts";
import { validatorMethod } from "./validator-method.ts";

export interface CallLimits {
  /** Aborted when nobody wants the answer any more. */
  readonly signal: AbortSignal;
  /** The caller's deadline on the process's monotonic clock (`performance.now()`). */
  readonly deadlineMs?: number | undefined;
}

/** Asks validators. Their answers are untrusted: whatever one does, a verdict comes of it. */
export interface ValidatorClient {
  /**
   * Asks one validator, once; a second time only if the connection was refused or broke before any answer. Takes no longer than the endpoint's timeout
   * (2 s if it names none) or the caller's deadline, whichever comes first; both end in an ERROR verdict, TIMEOUT.
   *
   * @throws the signal's reason, once it is aborted
   */
  validate(endpoint: Endpoint, question: Question, limits: CallLimits): Promise<Verdict>;
  /** Closes all connections. To be called when no call is under way any more. */
  close(): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 2000;

export function createValidatorClient(options: HostClientOptions = {}): ValidatorClient {
  const host = createHostClient(validatorMethod, options);
  return {
    validate: async (endpoint, question, { signal, deadlineMs = Infinity }) => {
      signal.throwIfAborted();
      const timeoutMs = endpoint.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      const limits = { signal, timeoutMs, deadlineMs };
      const called = await host.call(endpoint.url, questionToProto(question), limits);
      signal.throwIfAborted();
      const { reply, allowedMs, durationMs } = called;
      if (reply.kind === "given up") {
        if (allowedMs <= 0) return errorVerdict(endpoint, NOT_CALLED);
        const late = allowedMs < timeoutMs ? callerGone(allowedMs) : tooSlow(timeoutMs);
        return errorVerdict(endpoint, late, durationMs);
      }
      const answer = reply.kind === "answer" ? readAnswer(reply.answer) : reply;
      return answer.kind === "failure"
        ? errorVerdict(endpoint, answer, durationMs)
        : { ...answer, durationMs };
    },
    close: host.close,
  };
}

const MORE_TIME = "give Execute a longer deadline";
const NOT_CALLED = failure("TIMEOUT", "was not called, since the caller's deadline had passed", MORE_TIME);

function callerGone(allowedMs: number): Failure {
  const ms = Math.floor(allowedMs);
  return failure("TIMEOUT", `did not answer in the ${ms} ms that the caller's deadline left`, MORE_TIME);
}

function tooSlow(timeoutMs: number): Failure {
  return failure(
    "TIMEOUT",
    `did not answer within ${timeoutMs} ms`,
    "make it faster, or register it with a longer timeout",
  );
}

function errorVerdict({ url }: Endpoint, failed: Failure<VerdictErrorReason>, durationMs?: number): Verdict {
  const message = keepableText(failureText(url, failed));
  return { kind: "ERROR", reason: failed.reason, message, durationMs };
}

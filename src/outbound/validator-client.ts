import { performance } from "node:perf_hooks";
import type { Endpoint } from "../domain/chain-type.ts";
import { keepableText } from "../domain/text.ts";
import type { Verdict } from "../domain/verdict.ts";
import type { Asking } from "./asking.ts";
import { type ParsedEndpoint, parseEndpoint } from "./endpoint.ts";
import { type Failure, failure } from "./failure.ts";
import { createGrpcValidator } from "./grpc-validator.ts";
import { createHttpValidator } from "./http-validator.ts";
import { type Question, questionToProto } from "./question.ts";
import { readAnswer } from "./read-answer.ts";
import { createTrust } from "./trust.ts";

export interface ValidatorClientOptions {
  /** Certificates (PEM) to trust besides those of Node and of the system. */
  readonly ca?: Buffer | undefined;
}

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
/** By so much may the validator's clock run out before ours. */
const CLOCK_SLACK_MS = 20;

export function createValidatorClient(options: ValidatorClientOptions = {}): ValidatorClient {
  const trust = createTrust(options.ca);
  const grpc = createGrpcValidator(trust);
  const http = createHttpValidator(trust);
  const read = rememberEndpoints();
  const ask = (endpoint: ParsedEndpoint, asking: Asking) =>
    endpoint.kind === "grpc" ? grpc.ask(endpoint, asking) : http.ask(endpoint, asking);

  return {
    validate: async (endpoint, question, { signal, deadlineMs = Infinity }) => {
      signal.throwIfAborted();
      const parsed = read(endpoint.url);
      const startMs = performance.now();
      const timeoutMs = endpoint.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      const allowedMs = Math.min(timeoutMs, deadlineMs - startMs);
      if (allowedMs <= 0) return errorVerdict(endpoint, NOT_CALLED);
      const endMs = startMs + allowedMs;

      const request = questionToProto(question);
      let reply = await ask(parsed, { request, timeoutMs: allowedMs, isRepeat: false, signal });
      signal.throwIfAborted();
      if (reply?.kind === "failure" && reply.mayRepeat) {
        reply = await ask(parsed, { request, timeoutMs: endMs - performance.now(), isRepeat: true, signal });
        signal.throwIfAborted();
      }

      const nowMs = performance.now();
      const durationMs = nowMs - startMs;
      const isLate =
        reply?.kind === "failure" && reply.reason === "TIMEOUT" && nowMs > endMs - CLOCK_SLACK_MS;
      if (!reply || isLate)
        return errorVerdict(
          endpoint,
          allowedMs < timeoutMs ? callerGone(allowedMs) : tooSlow(timeoutMs),
          durationMs,
        );
      const answer = reply.kind === "answer" ? readAnswer(reply.answer) : reply;
      return answer.kind === "failure"
        ? errorVerdict(endpoint, answer, durationMs)
        : { ...answer, durationMs };
    },
    close: async () => {
      await Promise.all([grpc.close(), http.close()]);
    },
  };
}

/** A sidecar has a few endpoints, but callers may name ever new ones. */
const MAX_REMEMBERED = 256;

function rememberEndpoints(): (url: string) => ParsedEndpoint {
  const known = new Map<string, ParsedEndpoint>();
  return (url) => {
    let endpoint = known.get(url);
    if (!endpoint) {
      endpoint = parseEndpoint(url);
      if (known.size >= MAX_REMEMBERED) known.clear();
      known.set(url, endpoint);
    }
    return endpoint;
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

function errorVerdict({ url }: Endpoint, { reason, problem, remedy }: Failure, durationMs?: number): Verdict {
  return { kind: "ERROR", reason, message: keepableText(`${url} ${problem}: ${remedy}`), durationMs };
}

import type { Endpoint } from "../domain/chain-type.ts";
import type { Unknown, Verdict } from "../domain/verdict.ts";
import { parseEndpoint } from "./endpoint.ts";
import { type Failure, failure } from "./failure.ts";
import { createGrpcCaller } from "./grpc-caller.ts";
import { createHttpCaller } from "./http-caller.ts";
import type { Question } from "./question.ts";
import { questionToProto } from "./question.ts";
import { readAnswer } from "./read-answer.ts";

export interface AskingLimits {
  /** Ends the call early: its reason is thrown. */
  readonly signal: AbortSignal;
  /** On the monotonic clock. */
  readonly deadlineMs?: number | undefined;
}

/** Asks validators. Connections are kept and reused. */
export interface ValidatorClient {
  /**
   * What the validator says. Whatever goes wrong with it is an ERROR verdict whose message names the endpoint, what is wrong and
   * the remedy. Throws only the signal's reason.
   */
  validate(endpoint: Endpoint, question: Question, limits: AskingLimits): Promise<Verdict>;
  close(): Promise<void>;
}

export interface ValidatorClientOptions {
  /** Certificate authorities in PEM, trusted besides the system's. */
  readonly ca?: Buffer | undefined;
}

const DEFAULT_TIMEOUT_MS = 2_000;

export function createValidatorClient({ ca }: ValidatorClientOptions): ValidatorClient {
  const grpc = createGrpcCaller(ca);
  const http = createHttpCaller(ca);

  return {
    async validate({ url, timeoutMs = DEFAULT_TIMEOUT_MS }, question, { signal, deadlineMs }) {
      signal.throwIfAborted();
      const startedMs = performance.now();
      const left = (deadlineMs ?? Number.POSITIVE_INFINITY) - startedMs;
      const until = startedMs + Math.min(timeoutMs, left);
      const endpoint = parseEndpoint(url);
      const request = questionToProto(question);
      const call = () =>
        endpoint.kind === "grpc"
          ? grpc.call(endpoint, request, { signal, untilMs: until })
          : http.call(endpoint, request, { signal, untilMs: until });

      let answer = await call();
      // Nobody has seen the question: the application may just be coming back, or DNS know another address.
      if (answer.kind === "failure" && answer.mayRepeat) answer = await call();
      signal.throwIfAborted();
      const read = answer.kind === "failure" ? answer : readAnswer(answer.message);
      const durationMs = performance.now() - startedMs;
      if (read.kind !== "failure") return { ...read, durationMs };
      const told =
        read.reason === "TIMEOUT" ? timedOut(left < timeoutMs ? left : timeoutMs, left < timeoutMs) : read;
      return { ...errorVerdict(url, told), durationMs };
    },
    close: () => Promise.all([grpc.close(), http.close()]).then(() => undefined),
  };
}

function timedOut(ms: number, byCaller: boolean): Failure {
  return failure(
    "TIMEOUT",
    byCaller
      ? `did not answer in the ${Math.max(0, Math.floor(ms))} ms that the caller's deadline left`
      : `did not answer within ${ms} ms`,
    byCaller ? "give Execute a longer deadline" : "make it faster, or register it with a longer timeout",
  );
}

function errorVerdict(url: string, { reason, problem, remedy }: Failure): Unknown {
  return { kind: "ERROR", reason, message: `${url} ${problem}: ${remedy}` };
}

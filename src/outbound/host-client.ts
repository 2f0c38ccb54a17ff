import { performance } from "node:perf_hooks";
import type { ParsedEndpoint } from "./endpoint.ts";
import { createGrpcCaller } from "./grpc-caller.ts";
import type { HostMethod } from "./host-method.ts";
import { createHttpCaller } from "./http-caller.ts";
import { rememberEndpoints } from "./parsed-endpoints.ts";
import { GIVEN_UP, type Reply } from "./reply.ts";
import { createTrust } from "./trust.ts";
import type { UnaryCall } from "./unary-call.ts";

export interface HostClientOptions {
  /** Certificates (PEM) to trust besides those of Node and of the system. */
  readonly ca?: Buffer | undefined;
}

export interface HostLimits {
  /** Aborted when the answer is no longer wanted. */
  readonly signal: AbortSignal;
  /** The longest that it may take. */
  readonly timeoutMs: number;
  /** On the process's monotonic clock (`performance.now()`); Infinity if there is none. */
  readonly deadlineMs: number;
}

/** What came of calling a method, tries and all. */
export interface Called<Answer> {
  readonly reply: Reply<Answer>;
  /** What timeout and deadline allowed together; if that was no time at all, nobody was called. */
  readonly allowedMs: number;
  readonly durationMs: number;
}

/** Calls one method that the application serves, over whichever protocol an endpoint speaks. */
export interface HostClient<Request, Answer> {
  /**
   * Calls once; a second time only if the connection was refused or broke before any answer, and only if that does no harm.
   * The signal must not be aborted yet.
   *
   * @throws Refusal INVALID_REQUEST if the URL is none
   */
  call(url: string, request: Request, limits: HostLimits): Promise<Called<Answer>>;
  /** Closes all connections. To be called when no call is under way any more. */
  close(): Promise<void>;
}

/** By so much may the peer's clock run out before ours. */
const CLOCK_SLACK_MS = 20;

/** @throws Error if `ca` is no certificate */
export function createHostClient<Request, Answer>(
  method: HostMethod<Request, Answer>,
  options: HostClientOptions,
): HostClient<Request, Answer> {
  const trust = createTrust(options.ca);
  const grpc = createGrpcCaller(method, trust);
  const http = createHttpCaller(method, trust);
  const read = rememberEndpoints();
  const call = (endpoint: ParsedEndpoint, unary: UnaryCall<Request>) =>
    endpoint.kind === "grpc" ? grpc.call(endpoint, unary) : http.call(endpoint, unary);

  return {
    call: async (url, request, { signal, timeoutMs, deadlineMs }) => {
      const endpoint = read(url);
      const startMs = performance.now();
      const allowedMs = Math.min(timeoutMs, deadlineMs - startMs);
      if (allowedMs <= 0) return { reply: { kind: "given up", isSent: false }, allowedMs, durationMs: 0 };
      const endMs = startMs + allowedMs;

      let reply = await call(endpoint, { request, timeoutMs: allowedMs, isRepeat: false, signal });
      if (mayRepeat(method, reply) && !signal.aborted)
        reply = await call(endpoint, {
          request,
          timeoutMs: endMs - performance.now(),
          isRepeat: true,
          signal,
        });

      const nowMs = performance.now();
      const isLate = reply.kind === "failure" && reply.reason === "TIMEOUT" && nowMs > endMs - CLOCK_SLACK_MS;
      return { reply: isLate ? GIVEN_UP : reply, allowedMs, durationMs: nowMs - startMs };
    },
    close: async () => {
      await Promise.all([grpc.close(), http.close()]);
    },
  };
}

function mayRepeat(method: HostMethod<never, unknown>, reply: Reply<unknown>): boolean {
  return reply.kind === "failure" && reply.mayRepeat && (method.isRepeatable || !reply.mayBeDone);
}

import type { ParsedEndpoint } from "./endpoint.ts";
import type { Reply } from "./reply.ts";

/** One try to get an answer. */
export interface UnaryCall<Request> {
  readonly request: Request;
  /** What is left of the time: as the peer is told, and the longest that it may take. */
  readonly timeoutMs: number;
  /** It is the second one: another kept connection may be as dead as the first. */
  readonly isRepeat: boolean;
  /** Aborted when the answer is no longer wanted. */
  readonly signal: AbortSignal;
}

/** Calls one method over one protocol. */
export interface ProtocolCaller<E extends ParsedEndpoint, Request, Answer> {
  /** Ends as soon as the time is up or the answer is no longer wanted. The signal must not be aborted yet. */
  call(endpoint: E, call: UnaryCall<Request>): Promise<Reply<Answer>>;
  close(): Promise<void>;
}

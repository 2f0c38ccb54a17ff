import type {
  ValidateRequest,
  ValidateResponse,
} from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import type { ParsedEndpoint } from "./endpoint.ts";
import type { Failure } from "./failure.ts";

/** One try to get an answer. */
export interface Asking {
  readonly request: ValidateRequest;
  /** What is left of the time: as the validator is told, and the longest that it may take. */
  readonly timeoutMs: number;
  /** It is the second one: another kept connection may be as dead as the first. */
  readonly isRepeat: boolean;
  /** Aborted when the answer is no longer wanted. */
  readonly signal: AbortSignal;
}

/** What came of it. */
export type Reply = { readonly kind: "answer"; readonly answer: ValidateResponse } | Failure;

/** Asks over one protocol. */
export interface ProtocolClient<E extends ParsedEndpoint> {
  /** Resolves to nothing as soon as the time is up or the answer is no longer wanted. The signal must not be aborted yet. */
  ask(endpoint: E, asking: Asking): Promise<Reply | undefined>;
  close(): Promise<void>;
}

import type {
  ValidateRequest,
  ValidateResponse,
} from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import type { ParsedEndpoint } from "./endpoint.ts";
import type { Failure } from "./failure.ts";

/** One try to get an answer. */
export interface Asking {
  readonly request: ValidateRequest;
  /** What is left of the time, as the validator is told. */
  readonly timeoutMs: number;
  /** It is the second one: another kept connection may be as dead as the first. */
  readonly isRepeat: boolean;
  /** Aborted when the time is up or the answer is no longer wanted. */
  readonly signal: AbortSignal;
}

/** What came of it. Once the signal is aborted, nobody looks at it. */
export type Reply = { readonly kind: "answer"; readonly answer: ValidateResponse } | Failure;

/** Asks over one protocol. */
export interface ProtocolClient<E extends ParsedEndpoint> {
  ask(endpoint: E, asking: Asking): Promise<Reply>;
  close(): Promise<void>;
}

import { type Failure, failure } from "./failure.ts";

/** What is settled about one method that the application serves, and how messages to people speak of it. */
export interface MethodTerms {
  /** Full name of its gRPC service. */
  readonly service: string;
  readonly method: string;
  /** Who serves it, in the singular: "validator". */
  readonly server: string;
  /** Calling it twice does no harm. Of another method a request that may have been received is never sent again. */
  readonly isRepeatable: boolean;
  /** The largest answer that is read. */
  readonly maxAnswerBytes: number;
  /** An HTTP connection on which nothing happens for so long is closed. */
  readonly idleMs: number;
  /** What to do instead of answering an error status that refuses the request. */
  readonly insteadOfRefusing: { readonly grpc: string; readonly http: string };
  /** What to do instead of answering more than is read. */
  readonly insteadOfMuch: string;
}

/** Where gRPC and the Connect protocol have the method. */
export function pathOf({ service, method }: MethodTerms): string {
  return `/${service}/${method}`;
}

export function tooLarge({ maxAnswerBytes, insteadOfMuch }: MethodTerms): Failure {
  return failure("TOO_LARGE", `answered more than ${maxAnswerBytes / 1024} KiB`, insteadOfMuch);
}

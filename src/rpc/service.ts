import type {
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Call } from "./call.ts";

type Handler<M> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, call: Call) => Promise<MessageInitShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, call: Call) => AsyncIterable<MessageInitShape<O>>
      : never;

/**
 * One implementation of a service, mounted on both API listeners. Requests have passed their field rules; a refused request
 * is thrown as a Refusal.
 */
export type ServiceHandlers<S extends DescService> = {
  readonly [K in keyof S["method"]]: Handler<S["method"][K]>;
};

/** A service with its implementation, for a listener to mount. */
export interface MountedService {
  readonly descriptor: DescService;
  readonly handlers: Readonly<
    Record<string, (request: never, call: Call) => Promise<unknown> | AsyncIterable<unknown>>
  >;
}

export function mount<S extends DescService>(descriptor: S, handlers: ServiceHandlers<S>): MountedService {
  return { descriptor, handlers };
}

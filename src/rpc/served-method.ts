import type { DescMethod, DescMethodServerStreaming, DescMethodUnary } from "@bufbuild/protobuf";
import type { Call } from "./call.ts";
import type { MountedService } from "./service.ts";

export type UnaryHandler = (request: never, call: Call) => Promise<unknown>;
export type StreamHandler = (request: never, call: Call) => AsyncIterable<unknown>;

/** A method with the handler that it was mounted with, for a listener to serve. */
export type ServedMethod =
  | { readonly kind: "unary"; readonly method: DescMethodUnary; readonly handler: UnaryHandler }
  | { readonly kind: "stream"; readonly method: DescMethodServerStreaming; readonly handler: StreamHandler };

export function servedMethods(service: MountedService): ServedMethod[] {
  return service.descriptor.methods.map((method) => {
    const handler = service.handlers[method.localName];
    if (!handler) throw new Error(`${nameOf(method)} has no handler`);
    if (isUnary(method)) return { kind: "unary", method, handler: handler as UnaryHandler };
    if (isServerStreaming(method)) return { kind: "stream", method, handler: handler as StreamHandler };
    throw new Error(`${nameOf(method)} streams requests, which no listener serves`);
  });
}

/** As in `dispatcher.v1.DispatcherService/Execute`. */
export function nameOf(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function isServerStreaming(method: DescMethod): method is DescMethodServerStreaming {
  return method.methodKind === "server_streaming";
}

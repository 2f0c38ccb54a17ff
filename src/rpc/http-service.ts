import type { Message } from "@bufbuild/protobuf";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import { LiveCall } from "./live-call.ts";
import { nameOf, type Pipeline, type StreamHandler, type UnaryHandler, type Wire } from "./pipeline.ts";
import type { MountedService } from "./service.ts";

/** Mounts a service. Connect reads and writes the messages, in the format that the caller chose. */
export function mountOnConnect(router: ConnectRouter, service: MountedService, pipeline: Pipeline): void {
  for (const method of service.descriptor.methods) {
    const handler = service.handlers[method.localName];
    if (!handler) throw new Error(`${nameOf(method)} has no handler`);
    if (method.methodKind === "unary") {
      const answer = pipeline.unary(method, handler as UnaryHandler, wire);
      router.rpc(method, (request, context) => answer(request, liveCallOf(context)));
    } else if (method.methodKind === "server_streaming") {
      const answers = pipeline.serverStreaming(method, handler as StreamHandler, wire);
      router.rpc(method, (request, context) => answers(request, liveCallOf(context)));
    } else {
      throw new Error(`${nameOf(method)} streams requests, which no listener serves`);
    }
  }
}

const wire: Wire<Message, Message> = {
  listener: "http",
  decode: (_method, request) => request,
  encode: (_method, answer) => answer,
};

function liveCallOf(context: HandlerContext): LiveCall {
  const timeoutMs = context.timeoutMs();
  const call = new LiveCall({
    deadlineMs: timeoutMs === undefined ? undefined : performance.now() + timeoutMs,
    requestBytes: sizeOf(context.requestHeader),
  });
  if (context.signal.aborted) call.abandon();
  else context.signal.addEventListener("abort", () => call.abandon());
  return call;
}

function sizeOf(header: Headers): number | undefined {
  const length = header.get("content-length");
  const isCompressed = header.has("content-encoding") || header.has("grpc-encoding");
  return length === null || isCompressed ? undefined : Number(length);
}

import { create, type Message } from "@bufbuild/protobuf";
import { type ConnectRouter, createContextKey, type HandlerContext } from "@connectrpc/connect";
import { LiveCall } from "./live-call.ts";
import type { Pipeline, Wire } from "./pipeline.ts";
import { servedMethods } from "./served-method.ts";
import type { MountedService } from "./service.ts";

/** Lets whoever waits for the reader of a response go on. Set for each request by the listener. */
export const goOnWriting = createContextKey(() => {});

/** Mounts a service. Connect reads and writes the messages, in the format that the caller chose. */
export function mountOnConnect(router: ConnectRouter, service: MountedService, pipeline: Pipeline): void {
  for (const served of servedMethods(service)) {
    if (served.kind === "unary") {
      const answer = pipeline.unary(served.method, served.handler, wire);
      router.rpc(served.method, (request, context) => answer(request, liveCallOf(context)));
    } else {
      const answers = pipeline.serverStreaming(served.method, served.handler, wire);
      router.rpc(served.method, (request, context) => {
        const call = liveCallOf(context);
        // Connect waits for the reader as long as it takes, even for one that has gone.
        call.signal.addEventListener("abort", context.values.get(goOnWriting));
        return answers(request, call);
      });
    }
  }
}

const wire: Wire<Message, Message> = {
  listener: "http",
  decode: (_method, request) => request,
  encode: (method, answer) => create(method.output, answer),
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

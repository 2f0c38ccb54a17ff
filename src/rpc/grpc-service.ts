import { fromBinary } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import type {
  handleServerStreamingCall,
  handleUnaryCall,
  MethodDefinition,
  Server,
  ServerWritableStream,
  UntypedHandleCall,
} from "@grpc/grpc-js";
import { encodeAnswer } from "./encode-answer.ts";
import { grpcStatus } from "./grpc-status.ts";
import { LiveCall } from "./live-call.ts";
import type { Pipeline, Wire } from "./pipeline.ts";
import { nameOf, type ServedMethod, servedMethods } from "./served-method.ts";
import type { MountedService } from "./service.ts";
import { malformed } from "./transport-refusal.ts";

/** A Struct of JSON 100 deep, which a request may hold, is some 200 messages deep. What is deeper is refused unread. */
export const DECODE_DEPTH = 512;

/**
 * Mounts a service. grpc-js only frames: bytes go in and out of the pipeline, so that what cannot be read or written is
 * told and logged like everything else.
 */
export function mountOnGrpc(server: Server, service: MountedService, pipeline: Pipeline): void {
  const definitions: Record<string, MethodDefinition<Buffer, Buffer>> = {};
  const handlers: Record<string, UntypedHandleCall> = {};
  for (const served of servedMethods(service)) {
    const name = served.method.localName;
    definitions[name] = definitionOf(served);
    handlers[name] =
      served.kind === "unary"
        ? unaryHandler(pipeline.unary(served.method, served.handler, wire))
        : streamHandler(pipeline.serverStreaming(served.method, served.handler, wire));
  }
  server.addService(definitions, handlers);
}

const wire: Wire<Buffer, Buffer> = {
  listener: "grpc",
  decode(method, bytes) {
    try {
      return fromBinary(method.input, bytes, { recursionLimit: DECODE_DEPTH, readUnknownFields: false });
    } catch (error) {
      throw malformed(
        `the request is no ${method.input.typeName}: ${error instanceof Error ? error.message : error}`,
      );
    }
  },
  encode: (method, answer) => asBuffer(encodeAnswer(method.output, answer)),
};

function unaryHandler(
  answer: (request: Buffer, call: LiveCall) => Promise<Buffer>,
): handleUnaryCall<Buffer, Buffer> {
  return (grpcCall, respond) => {
    const call = liveCallOf(grpcCall);
    answer(grpcCall.request, call).then(
      (bytes) => respond(null, bytes),
      (error: unknown) => respond(grpcStatus(ConnectError.from(error))),
    );
  };
}

function streamHandler(
  answers: (request: Buffer, call: LiveCall) => AsyncIterable<Buffer>,
): handleServerStreamingCall<Buffer, Buffer> {
  return (grpcCall) => {
    const call = liveCallOf(grpcCall);
    writeAll(answers(grpcCall.request, call), grpcCall, call).then(
      () => grpcCall.end(),
      (error: unknown) => grpcCall.emit("error", grpcStatus(ConnectError.from(error))),
    );
  };
}

/** Written, but not taken yet: so much of a stream waits for its reader, and one message in any case. */
const MOST_WAITING_BYTES = 64 * 1024;

/** grpc-js says that a message is taken when the reader's flow-control window has let it out. */
async function writeAll(
  answers: AsyncIterable<Buffer>,
  grpcCall: ServerWritableStream<Buffer, Buffer>,
  call: LiveCall,
): Promise<void> {
  let waitingBytes = 0;
  let goOn: (() => void) | undefined;
  call.signal.addEventListener("abort", () => goOn?.());
  for await (const bytes of answers) {
    if (grpcCall.cancelled) return;
    waitingBytes += bytes.length;
    grpcCall.write(bytes, () => {
      waitingBytes -= bytes.length;
      if (waitingBytes <= MOST_WAITING_BYTES) goOn?.();
    });
    while (waitingBytes > MOST_WAITING_BYTES && !call.isEnded) {
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
    }
  }
}

interface GrpcCall {
  readonly request: Buffer;
  getDeadline(): Date | number;
  on(event: "cancelled", listener: () => void): unknown;
}

/** grpc-js tells by one event that the caller left, that the deadline passed, and that the answer is out. */
function liveCallOf(grpcCall: GrpcCall): LiveCall {
  const deadline = Number(grpcCall.getDeadline());
  const call = new LiveCall({
    requestBytes: grpcCall.request.length,
    deadlineMs: Number.isFinite(deadline) ? performance.now() + (deadline - Date.now()) : undefined,
  });
  grpcCall.on("cancelled", () => call.abandon());
  return call;
}

function definitionOf({ kind, method }: ServedMethod): MethodDefinition<Buffer, Buffer> {
  const asIs = (bytes: Buffer) => bytes;
  return {
    path: `/${nameOf(method)}`,
    requestStream: false,
    responseStream: kind === "stream",
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

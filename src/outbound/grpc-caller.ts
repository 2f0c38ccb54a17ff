import type { SecureContext } from "node:tls";
import { CallCredentials, Metadata, status } from "@grpc/grpc-js";
import type { GrpcEndpoint } from "./endpoint.ts";
import { createGrpcChannels } from "./grpc-channels.ts";
import { type GrpcHeard, hasSpoken } from "./grpc-heard.ts";
import type { HostMethod } from "./host-method.ts";
import { CONNECT_TIMEOUT_MS } from "./limits.ts";
import { pathOf } from "./method-terms.ts";
import type { ProtocolCaller } from "./unary-call.ts";

/** Calls a method over gRPC. */
export function createGrpcCaller<Request, Answer>(
  method: HostMethod<Request, Answer>,
  trust: () => SecureContext,
): ProtocolCaller<GrpcEndpoint, Request, Answer> {
  const path = pathOf(method);
  const channels = createGrpcChannels({
    maxReceiveBytes: method.maxAnswerBytes,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    trust,
  });
  return {
    call: (endpoint, { request, timeoutMs, signal }) =>
      new Promise((resolve) => {
        const bytes = Buffer.from(method.toBytes(request));
        const lease = channels.lease(endpoint);
        const heard: GrpcHeard = {
          contentType: undefined,
          messages: [],
          isSent: method.isRepeatable,
          givenUp: undefined,
        };
        // What Client.makeUnaryRequest does besides is dear: a stack trace of each call, layers that nothing here needs. So
        // is a deadline: grpc-js would run a second clock.
        const call = lease.client.getChannel().createCall(path, Infinity, undefined, null, undefined);
        if (!method.isRepeatable) call.setCredentials(noticeSending(heard));
        const giveUp = (why: "silent" | "cancelled") => {
          heard.givenUp = why;
          call.cancelWithStatus(status.CANCELLED, "given up");
        };
        const timer = setTimeout(giveUp, Math.ceil(timeoutMs), "silent");
        const cancel = () => giveUp("cancelled");
        signal.addEventListener("abort", cancel, { once: true });
        call.start(metadataOf(timeoutMs, method.headersOf?.(request)), {
          onReceiveMetadata: (headers) => {
            heard.contentType = String(headers.get("content-type")[0] ?? "");
          },
          onReceiveMessage: (message: Buffer) => {
            heard.messages.push(message);
            if (heard.messages.length > 1) call.cancelWithStatus(status.CANCELLED, "one message too many");
            else call.startRead();
          },
          onReceiveStatus: (ended) => {
            clearTimeout(timer);
            signal.removeEventListener("abort", cancel);
            lease.end(hasSpoken(ended, heard) ? "answered" : (heard.givenUp ?? "cancelled"));
            resolve(method.readGrpc(endpoint, ended, heard));
          },
        });
        call.startRead();
        call.sendMessageWithContext({}, bytes);
        call.halfClose();
      }),
    close: async () => channels.close(),
  };
}

/** Credentials are what grpc-js asks for last, once there is a connection and before it sends anything. */
function noticeSending(heard: GrpcHeard): CallCredentials {
  return CallCredentials.createFromMetadataGenerator((_, done) => {
    heard.isSent = true;
    done(null, new Metadata());
  });
}

/** Eight digits are the most that gRPC allows: 27 hours. */
const LONGEST_TIMEOUT_MS = 99_999_999;

function metadataOf(timeoutMs: number, headers: Readonly<Record<string, string>> | undefined): Metadata {
  const metadata = new Metadata();
  metadata.set("grpc-timeout", `${Math.min(Math.max(1, Math.ceil(timeoutMs)), LONGEST_TIMEOUT_MS)}m`);
  if (headers) for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

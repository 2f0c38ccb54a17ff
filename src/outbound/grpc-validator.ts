import type { SecureContext } from "node:tls";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Metadata, type StatusObject, status } from "@grpc/grpc-js";
import {
  ValidateRequestSchema,
  ValidateResponseSchema,
  ValidatorService,
} from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import type { ProtocolClient, Reply } from "./asking.ts";
import { connectionFailure, notGrpc } from "./connection-failure.ts";
import type { GrpcEndpoint } from "./endpoint.ts";
import { failure, quoted } from "./failure.ts";
import { createGrpcChannels } from "./grpc-channels.ts";
import { grpcStatusFailure } from "./grpc-status.ts";
import { CONNECT_TIMEOUT_MS, MAX_ANSWER_BYTES } from "./limits.ts";

const PATH = `/${ValidatorService.typeName}/${ValidatorService.method.validate.name}`;

/** What was heard of one call. */
interface Heard {
  /** Content type of the answer, once its headers have come. */
  contentType?: string | undefined;
  /** As they came: only we can tell a malformed answer from a failed one. */
  readonly messages: Buffer[];
}

export function createGrpcValidator(trust: () => SecureContext): ProtocolClient<GrpcEndpoint> {
  const channels = createGrpcChannels({
    maxReceiveBytes: MAX_ANSWER_BYTES,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    trust,
  });
  return {
    ask: (endpoint, { request, timeoutMs, signal }) =>
      new Promise((resolve) => {
        const bytes = Buffer.from(toBinary(ValidateRequestSchema, request));
        const lease = channels.lease(endpoint);
        const heard: Heard = { messages: [] };
        // What Client.makeUnaryRequest does besides is dear: a stack trace of each call, layers that nothing here needs. So
        // is a deadline: grpc-js would run a second clock.
        const call = lease.client.getChannel().createCall(PATH, Infinity, undefined, null, undefined);
        let givenUp: "silent" | "cancelled" | undefined;
        const giveUp = (why: typeof givenUp) => {
          givenUp = why;
          call.cancelWithStatus(status.CANCELLED, "given up");
        };
        const timer = setTimeout(giveUp, Math.ceil(timeoutMs), "silent");
        const cancel = () => giveUp("cancelled");
        signal.addEventListener("abort", cancel, { once: true });
        call.start(timeoutMetadata(timeoutMs), {
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
            lease.end(hasSpoken(ended, heard) ? "answered" : (givenUp ?? "cancelled"));
            resolve(givenUp ? undefined : readReply(endpoint, ended, heard));
          },
        });
        call.startRead();
        call.sendMessageWithContext({}, bytes);
        call.halfClose();
      }),
    close: async () => channels.close(),
  };
}

/** Eight digits are the most that gRPC allows: 27 hours. */
const LONGEST_TIMEOUT_MS = 99_999_999;

function timeoutMetadata(ms: number): Metadata {
  const metadata = new Metadata();
  metadata.set("grpc-timeout", `${Math.min(Math.max(1, Math.ceil(ms)), LONGEST_TIMEOUT_MS)}m`);
  return metadata;
}

/** Headers or trailers came: what ended the call is the peer's word and not grpc-js's. */
function hasSpoken(ended: StatusObject, heard: Heard): boolean {
  return heard.contentType !== undefined || Object.keys(ended.metadata.getMap()).length > 0;
}

function readReply(endpoint: GrpcEndpoint, ended: StatusObject, heard: Heard): Reply {
  // First of all: what another server says is easily mistaken for a message of gigantic length.
  const contentType = heard.contentType ?? String(ended.metadata.get("content-type")[0] ?? "");
  if (contentType !== "" && !/^application\/grpc(\+proto)?\s*(;|$)/i.test(contentType))
    return notGrpc(endpoint, `content type ${quoted(contentType)}`);
  const [message, ...more] = heard.messages;
  if (more.length > 0)
    return failure("MALFORMED", "answered more than one message", "Validate is a unary method; answer one");
  if (ended.code === status.OK) {
    return message
      ? readMessage(message)
      : failure("MALFORMED", "answered OK without a message", "answer a ValidateResponse");
  }
  // The only way that grpc-js has to say so.
  if (ended.code === status.RESOURCE_EXHAUSTED && ended.details.startsWith("Received message "))
    return failure(
      "TOO_LARGE",
      `answered more than ${MAX_ANSWER_BYTES / 1024} KiB`,
      "put references into the context instead of documents",
    );
  return ended.code === status.UNAVAILABLE && !hasSpoken(ended, heard)
    ? connectionFailure(endpoint, ended.details)
    : grpcStatusFailure(ended.code, ended.details);
}

function readMessage(message: Buffer): Reply {
  try {
    return { kind: "answer", answer: fromBinary(ValidateResponseSchema, message) };
  } catch (error) {
    return failure(
      "MALFORMED",
      `answered something that is not a ValidateResponse (${quoted(String(error))})`,
      "generate the server from dispatcher/validator/v1/validator_service.proto",
    );
  }
}

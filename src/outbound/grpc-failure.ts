import { type StatusObject, status } from "@grpc/grpc-js";
import { connectionFailure, notGrpc } from "./connection-failure.ts";
import type { GrpcEndpoint } from "./endpoint.ts";
import { type Failure, failure, quoted } from "./failure.ts";
import { type GrpcHeard, hasSpoken } from "./grpc-heard.ts";
import { grpcStatusFailure } from "./grpc-status.ts";
import { type MethodTerms, tooLarge } from "./method-terms.ts";

/** Why a call over gRPC that ended has no answer; undefined if its status is OK and it has one message or none. */
export function grpcFailure(
  endpoint: GrpcEndpoint,
  ended: StatusObject,
  heard: GrpcHeard,
  terms: MethodTerms,
): Failure | undefined {
  const found = explain(endpoint, ended, heard, terms);
  return found && { ...found, mayBeDone: mayBeDone(ended, heard) };
}

function explain(
  endpoint: GrpcEndpoint,
  ended: StatusObject,
  heard: GrpcHeard,
  terms: MethodTerms,
): Failure | undefined {
  // First of all: what another server says is easily mistaken for a message of gigantic length.
  const contentType = heard.contentType ?? String(ended.metadata.get("content-type")[0] ?? "");
  if (contentType !== "" && !/^application\/grpc(\+proto)?\s*(;|$)/i.test(contentType))
    return notGrpc(endpoint, `content type ${quoted(contentType)}`);
  if (heard.messages.length > 1)
    return failure(
      "MALFORMED",
      "answered more than one message",
      `${terms.method} is a unary method; answer one`,
    );
  if (ended.code === status.OK) return undefined;
  // The only way that grpc-js has to say so.
  if (ended.code === status.RESOURCE_EXHAUSTED && ended.details.startsWith("Received message "))
    return tooLarge(terms);
  return ended.code === status.UNAVAILABLE && !hasSpoken(ended, heard)
    ? connectionFailure(endpoint, ended.details, terms)
    : grpcStatusFailure(ended.code, ended.details, terms);
}

/** With these words grpc-js says that no server got to handle the request. */
const UNHANDLED =
  /No connection established|Name resolution failed|No addresses resolved|^Stream refused by server$/;

/** With these, after it was sent, that no status came: it hands on no more than text. */
const NO_STATUS =
  /^Received (RST_STREAM|message|HTTP status code 2)|^Failed to decompress|^(Connection dropped|Call cancelled|Protocol not secure enough)$|^Bandwidth exhausted or memory limit|^(read|write) E[A-Z]+$/;

function mayBeDone(ended: StatusObject, heard: GrpcHeard): boolean {
  if (!heard.isSent) return false;
  if (!hasSpoken(ended, heard)) return !UNHANDLED.test(ended.details);
  // Where a message cannot be decompressed, grpc-js leaves the code out.
  return ended.code === undefined || heard.messages.length > 1 || NO_STATUS.test(ended.details);
}

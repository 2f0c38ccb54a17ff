import type { StatusObject } from "@grpc/grpc-js";

/** What was heard of one call over gRPC, besides its status. */
export interface GrpcHeard {
  /** Of the answer, once its headers have come. */
  contentType: string | undefined;
  /** As they came, at most two: only we can tell a malformed answer from a failed one. */
  readonly messages: Buffer[];
  /** The peer may have the request. Not looked at, and true, where it makes no difference. */
  isSent: boolean;
  /** Set if the call did not end by itself. "silent": its time was up. */
  givenUp: "silent" | "cancelled" | undefined;
}

/** Headers or trailers came: what ended the call is the peer's word and not grpc-js's. */
export function hasSpoken(ended: StatusObject, heard: GrpcHeard): boolean {
  return heard.contentType !== undefined || Object.keys(ended.metadata.getMap()).length > 0;
}

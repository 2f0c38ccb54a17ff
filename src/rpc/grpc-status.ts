import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import type { ConnectError } from "@connectrpc/connect";
import { Metadata, type StatusObject, type status } from "@grpc/grpc-js";
import { StatusSchema } from "../../gen/ts/google/rpc/status_pb.ts";

/** The header that carries a google.rpc.Status, by which clients find the details of an error. */
export const DETAILS_HEADER = "grpc-status-details-bin";

/** What is sent of an error. grpc-js sends it as Trailers-Only before any answer, as clients' retry policies need it. */
export function grpcStatus(error: ConnectError): StatusObject {
  const details = error.details.flatMap((detail) =>
    "desc" in detail ? [anyPack(detail.desc, create(detail.desc, detail.value))] : [],
  );
  const status = create(StatusSchema, { code: error.code, message: error.rawMessage, details });
  const metadata = new Metadata();
  metadata.set(DETAILS_HEADER, Buffer.from(toBinary(StatusSchema, status)));
  // The two libraries number the codes alike, as gRPC does.
  return { code: error.code as number as status, details: error.rawMessage, metadata };
}

import type { StatusObject } from "@grpc/grpc-js";
import type { GrpcEndpoint, HttpEndpoint } from "./endpoint.ts";
import type { GrpcHeard } from "./grpc-heard.ts";
import type { HttpHeard } from "./http-heard.ts";
import type { MethodTerms } from "./method-terms.ts";
import type { Reply } from "./reply.ts";

/** One unary method that the application serves: how it is called, and what its answers mean. */
export interface HostMethod<Request, Answer> extends MethodTerms {
  toBytes(request: Request): Uint8Array;
  toJson(request: Request): string;
  /** Sent besides the usual ones. */
  headersOf?(request: Request): Readonly<Record<string, string>>;
  readGrpc(endpoint: GrpcEndpoint, ended: StatusObject, heard: GrpcHeard): Reply<Answer>;
  /** True if this HTTP status is all of the answer, whatever follows it. */
  isWholeAnswer(httpStatus: number): boolean;
  readHttp(endpoint: HttpEndpoint, heard: HttpHeard): Reply<Answer>;
}

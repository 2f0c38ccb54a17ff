import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect, type OutgoingHttpHeaders } from "node:http2";
import { fromBinary } from "@bufbuild/protobuf";
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import { status } from "@grpc/grpc-js";
import { EvaluationReportSchema } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../gen/ts/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/ts/google/rpc/status_pb.ts";

export const EXECUTE = "/dispatcher.v1.DispatcherService/Execute";

/** An answer as any client could read it, whichever listener it came from. */
export interface Answer {
  readonly httpStatus: number;
  /** As gRPC spells it, such as `NOT_FOUND`; undefined if the answer has none. */
  readonly code: string | undefined;
  readonly message: string;
  readonly reason: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly problems: readonly { field: string; description: string }[];
  readonly retryAfterMs: number | undefined;
  readonly evaluations: readonly { transition: string; errors: readonly string[] }[];
  readonly body: Buffer;
  /** gRPC: all headers and trailers, with their sizes; true if there is no other header block than the first. */
  readonly headers: Readonly<IncomingHttpHeaders>;
  readonly isTrailersOnly: boolean;
}

/** One gRPC message as it travels. */
export function frame(message: Uint8Array, length = message.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

/** A gRPC call with exactly these bytes as its body. */
export function askGrpc(
  address: string,
  body: Uint8Array,
  headers: OutgoingHttpHeaders = {},
  path = EXECUTE,
): Promise<Answer> {
  const session = connect(`http://${address}`);
  return new Promise<Answer>((resolve, reject) => {
    session.once("error", reject);
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    const chunks: Buffer[] = [];
    let head: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders | undefined;
    stream.once("response", (received) => {
      head = received;
    });
    stream.once("trailers", (received) => {
      trailers = received;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.once("error", (error) => reject(error.cause ?? error));
    stream.once("close", () => {
      const all = { ...head, ...trailers };
      const code = all["grpc-status"];
      const bin = all["grpc-status-details-bin"];
      resolve({
        httpStatus: Number(all[":status"]),
        code: code === undefined ? undefined : status[Number(code)],
        message: decodeURIComponent(String(all["grpc-message"] ?? "")),
        ...detailsOf(bin ? fromBinary(StatusSchema, Buffer.from(String(bin), "base64")).details : []),
        body: Buffer.concat(chunks),
        headers: all,
        isTrailersOnly: trailers === undefined,
      });
    });
    stream.end(body);
  }).finally(() => session.destroy());
}

/** An HTTP call with exactly these bytes as its body. */
export function askHttp(
  url: string,
  body: Uint8Array | string,
  headers: Readonly<Record<string, string>> = {},
  { path = EXECUTE, method = "POST" } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      new URL(path, url),
      { method, agent: false, headers: { "content-type": "application/json", ...headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("error", reject);
        response.once("end", () => {
          const all = Buffer.concat(chunks);
          resolve({ ...errorOf(all, response.headers), httpStatus: response.statusCode ?? 0, body: all });
        });
      },
    );
    request.once("error", reject);
    request.end(body);
  });
}

interface ConnectJson {
  readonly code?: string;
  readonly message?: string;
  readonly details?: readonly { type: string; value: string }[];
}

function errorOf(body: Buffer, headers: IncomingHttpHeaders): Omit<Answer, "httpStatus" | "body"> {
  const isJson = headers["content-type"] === "application/json";
  const json: ConnectJson = isJson ? JSON.parse(body.toString()) : {};
  const details = (json.details ?? []).map(({ type, value }) => ({
    $typeName: "google.protobuf.Any" as const,
    typeUrl: `type.googleapis.com/${type}`,
    value: Buffer.from(value, "base64"),
  }));
  const code = json.code?.toUpperCase();
  return {
    code: code === "CANCELED" ? "CANCELLED" : code,
    message: json.message ?? "",
    ...detailsOf(details),
    headers,
    isTrailersOnly: false,
  };
}

function detailsOf(details: readonly Any[]) {
  const find = <T>(read: (any: Any) => T | undefined): T | undefined =>
    details.map(read).find((found) => found !== undefined);
  const info = find((any) => anyUnpack(any, ErrorInfoSchema));
  const delay = find((any) => anyUnpack(any, RetryInfoSchema))?.retryDelay;
  return {
    reason: info?.domain === "dispatcher" ? info.reason : undefined,
    metadata: info?.metadata ?? {},
    problems: find((any) => anyUnpack(any, BadRequestSchema))?.fieldViolations ?? [],
    retryAfterMs: delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6,
    evaluations: find((any) => anyUnpack(any, EvaluationReportSchema))?.evaluations ?? [],
  };
}

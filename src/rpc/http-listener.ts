import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createRegistry } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { EvaluationReportSchema } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../gen/ts/google/rpc/error_details_pb.ts";
import { DECODE_DEPTH } from "./grpc-service.ts";
import { createHttpClosing } from "./http-closing.ts";
import { goOnWriting, mountOnConnect } from "./http-service.ts";
import { type CallListener, listen } from "./listen.ts";
import { type ListenAddress, requireLocal } from "./listen-address.ts";
import type { Pipeline } from "./pipeline.ts";
import { nameOf } from "./served-method.ts";
import { normaliseTimeouts } from "./timeout-header.ts";
import { transportRefusal } from "./transport-refusal.ts";

const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const MAX_CONNECTIONS = 1000;

export interface HttpListenerOptions {
  readonly address: ListenAddress;
  readonly pipeline: Pipeline;
}

/**
 * The same services over HTTP/1.1: Connect (a POST of JSON is enough) and gRPC-Web. Refuses an address that is not
 * local.
 */
export function createHttpListener({ address, pipeline }: HttpListenerOptions): CallListener {
  requireLocal(address, "DISPATCHER_HTTP_ADDRESS");
  const closing = createHttpClosing();
  const server = createServer(
    {
      noDelay: true,
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      connectionsCheckingInterval: 1000,
      // Longer than clients keep an idle connection, so that it is they who close it.
      keepAliveTimeout: 120_000,
    },
    closing.following(requestListener(pipeline)),
  );
  server.maxConnections = MAX_CONNECTIONS;

  return {
    start: () => listen(server, address),
    stop: (graceMs) => closing.close(server, graceMs),
  };
}

function requestListener(pipeline: Pipeline): RequestListener {
  const paths = new Set(
    pipeline.services.flatMap(({ descriptor }) => descriptor.methods.map((method) => `/${nameOf(method)}`)),
  );
  const jsonOptions = {
    ignoreUnknownFields: false,
    recursionLimit: DECODE_DEPTH,
    // Text that is not UTF-8 is refused; the default would put U+FFFD in its place.
    textDecoder: new TextDecoder("utf-8", { fatal: true }),
    registry: createRegistry(ErrorInfoSchema, BadRequestSchema, RetryInfoSchema, EvaluationReportSchema),
  };
  const responses = new WeakMap<object, ServerResponse>();
  const answer = connectNodeAdapter({
    routes: (router: ConnectRouter) => {
      for (const service of pipeline.services) mountOnConnect(router, service, pipeline);
    },
    grpc: false,
    readMaxBytes: MAX_MESSAGE_BYTES,
    writeMaxBytes: MAX_MESSAGE_BYTES,
    // Compression costs more than it saves between processes of one machine.
    compressMinBytes: MAX_MESSAGE_BYTES,
    jsonOptions,
    binaryOptions: { recursionLimit: DECODE_DEPTH, readUnknownFields: false },
    contextValues: (request) =>
      // What Connect waits for before it writes on.
      createContextValues().set(goOnWriting, () => responses.get(request)?.emit("drain")),
    requestGate: (context) => describeTransportErrors(context, pipeline),
  });

  return (request, response) => {
    const path = request.url?.split("?", 1)[0] ?? "";
    if (!paths.has(path)) return refuse(response, 404, `there is no method ${path}`);
    if (request.method !== "POST")
      return refuse(response, 405, "methods are called by POST", { allow: "POST" });
    if (!hasHost(request)) return refuse(response, 400, "the Host header is missing or malformed");
    normaliseTimeouts(request.headers);
    responses.set(request, response);
    answer(request, response);
  };
}

/**
 * Gives the errors that Connect raises by itself (unreadable body, size, timeout header) the same form as all others. Before
 * it writes an error it ends the call's signal with it, and that is where it can be changed.
 */
function describeTransportErrors(context: HandlerContext, pipeline: Pipeline): void {
  context.signal.addEventListener("abort", () => {
    const error: unknown = context.signal.reason;
    if (!(error instanceof ConnectError) || ENDED_FROM_OUTSIDE.has(error.code)) return;
    if (error.findDetails(ErrorInfoSchema).length > 0) return;
    const refusal = transportRefusal(error.code, error.rawMessage);
    const { code, message, rawMessage, details } = pipeline.refuse("http", nameOf(context.method), refusal);
    Object.assign(error, { code, message, rawMessage, details });
  });
}

/** Connect makes a URL of it, and would throw out of the server's event at one that is none. */
function hasHost(request: IncomingMessage): boolean {
  const host = request.headers.host;
  return host !== undefined && URL.canParse(`http://${host}/`);
}

function refuse(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { ...headers, "content-type": "text/plain; charset=utf-8" });
  response.end(`${text}\n`);
}

/** The signal ends with these when the deadline passes or the caller leaves; the pipeline answers that. */
const ENDED_FROM_OUTSIDE: ReadonlySet<Code> = new Set([Code.DeadlineExceeded, Code.Canceled, Code.Aborted]);

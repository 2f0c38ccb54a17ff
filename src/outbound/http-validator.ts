import type { SecureContext } from "node:tls";
import { toJsonString } from "@bufbuild/protobuf";
import { Agent, type Dispatcher, errors } from "undici";
import {
  ValidateRequestSchema,
  ValidatorService,
} from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import type { Attempt, ProtocolClient } from "./attempt.ts";
import { connectionFailure, notHttp } from "./connection-failure.ts";
import type { HttpEndpoint } from "./endpoint.ts";
import { type Failure, failure, quoted } from "./failure.ts";
import { readHttpAnswer } from "./http-answer.ts";
import { CONNECT_TIMEOUT_MS, MAX_ANSWER_BYTES, MAX_HEADER_BYTES } from "./limits.ts";

const CONNECT_PATH = `/${ValidatorService.typeName}/${ValidatorService.method.validate.name}`;
const IDLE_MS = 30_000;

/** Asks with the Connect protocol, as JSON over HTTP/1.1. */
export function createHttpValidator(trust: () => SecureContext): ProtocolClient<HttpEndpoint> {
  const plain = createAgent();
  let secure: Agent | undefined;
  return {
    ask: async (endpoint, attempt) => {
      if (endpoint.tls) secure ??= createAgent(trust());
      const agent = endpoint.tls && secure ? secure : plain;
      let response: Dispatcher.ResponseData;
      try {
        response = await agent.request(requestOf(endpoint, attempt));
      } catch (error) {
        return failureBefore(endpoint, error as NodeJS.ErrnoException);
      }
      const { statusCode, headers, body } = response;
      try {
        return readHttpAnswer({ status: statusCode, headers, ...(await readBody(body)) });
      } catch (error) {
        return failureAmid(endpoint, error);
      }
    },
    close: async () => {
      await Promise.all([plain.destroy(), secure?.destroy()]);
    },
  };
}

function createAgent(secureContext?: SecureContext): Agent {
  return new Agent({
    allowH2: false,
    keepAliveTimeout: IDLE_MS,
    keepAliveMaxTimeout: IDLE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Each attempt has its own end.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: CONNECT_TIMEOUT_MS, ...(secureContext && { secureContext }) },
  });
}

function requestOf({ tls, address, path }: HttpEndpoint, attempt: Attempt): Dispatcher.RequestOptions {
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return {
    origin: `${tls ? "https" : "http"}://${host}:${address.port}`,
    path: path === "" ? CONNECT_PATH : path,
    method: "POST",
    headers: {
      "content-type": "application/json",
      "connect-protocol-version": "1",
      "connect-timeout-ms": String(Math.max(1, Math.floor(attempt.timeoutMs))),
      "user-agent": "dispatcher",
    },
    // With the fields that are zero: a handler without a protobuf library does not know what may be missing.
    body: toJsonString(ValidateRequestSchema, attempt.request, { alwaysEmitImplicit: true }),
    signal: attempt.signal,
  };
}

/** Reads no more than the limit, so that memory stays flat whatever comes. */
async function readBody(body: AsyncIterable<Buffer>): Promise<{ body: Buffer; cut: boolean }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) return { body: Buffer.concat(chunks), cut: true };
    chunks.push(chunk);
  }
  return { body: Buffer.concat(chunks), cut: false };
}

function failureBefore(endpoint: HttpEndpoint, error: NodeJS.ErrnoException): Failure {
  const { code = "", message } = error;
  if (/HEADERS?_OVERFLOW/.test(code))
    return failure("TOO_LARGE", `answered more than ${MAX_HEADER_BYTES / 1024} KiB of headers`, "send fewer");
  if (error instanceof errors.HTTPParserError) return notHttp(endpoint, message);
  const failed = connectionFailure(endpoint, `${code} ${message}`);
  return isStale(error) ? { ...failed, mayRepeat: true } : failed;
}

/** Perhaps it was the server's idle timeout: a connection that had already served, or that was reset under our hands. */
function isStale(error: NodeJS.ErrnoException): boolean {
  if (error instanceof errors.SocketError) return (error.socket?.bytesRead ?? 0) > 0;
  return error.code === "ECONNRESET" || error.code === "EPIPE";
}

function failureAmid(endpoint: HttpEndpoint, error: unknown): Failure {
  const { message } = error as Error;
  return error instanceof errors.HTTPParserError
    ? notHttp(endpoint, message)
    : failure(
        "UNREACHABLE",
        `broke the connection amid its answer (${quoted(message)})`,
        "see the validator's log",
      );
}

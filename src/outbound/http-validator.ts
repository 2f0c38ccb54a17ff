import type { SecureContext } from "node:tls";
import { toJsonString } from "@bufbuild/protobuf";
import { Agent, type Dispatcher, errors } from "undici";
import {
  ValidateRequestSchema,
  ValidatorService,
} from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import type { Asking, ProtocolClient, Reply } from "./asking.ts";
import { connectionFailure, notHttp } from "./connection-failure.ts";
import type { HttpEndpoint } from "./endpoint.ts";
import { type Failure, failure, quoted } from "./failure.ts";
import { readHttpAnswer } from "./http-answer.ts";
import { CONNECT_TIMEOUT_MS, MAX_ANSWER_BYTES, MAX_HEADER_BYTES } from "./limits.ts";
import { startTimeLimit, within } from "./time-limit.ts";

const CONNECT_PATH = `/${ValidatorService.typeName}/${ValidatorService.method.validate.name}`;
const IDLE_MS = 30_000;
/** To one endpoint; further questions wait, while their time runs. */
const MAX_CONNECTIONS = 128;

/** Asks with the Connect protocol, as JSON over HTTP/1.1. */
export function createHttpValidator(trust: () => SecureContext): ProtocolClient<HttpEndpoint> {
  const agents = new Map<string, Agent>();
  const agentFor = (tls: boolean, keepAlive: boolean) => {
    const key = `${tls} ${keepAlive}`;
    const agent = agents.get(key) ?? createAgent(keepAlive, tls ? trust() : undefined);
    agents.set(key, agent);
    return agent;
  };
  return {
    ask: async (endpoint, asking) => {
      using limit = startTimeLimit(asking.signal, asking.timeoutMs);
      const agent = agentFor(endpoint.tls, !asking.isRepeat);
      return await within(limit.signal, exchange(agent, endpoint, { ...asking, signal: limit.signal }));
    },
    close: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.destroy()));
    },
  };
}

async function exchange(agent: Agent, endpoint: HttpEndpoint, asking: Asking): Promise<Reply> {
  let response: Dispatcher.ResponseData;
  try {
    response = await agent.request(requestOf(endpoint, asking));
  } catch (error) {
    return failureBefore(endpoint, error as NodeJS.ErrnoException);
  }
  const { statusCode, headers, body } = response;
  try {
    return readHttpAnswer({ status: statusCode, headers, ...(await readBody(body)) });
  } catch (error) {
    return failureAmid(endpoint, error);
  }
}

function createAgent(keepAlive: boolean, secureContext: SecureContext | undefined): Agent {
  return new Agent({
    allowH2: false,
    pipelining: keepAlive ? 1 : 0,
    connections: MAX_CONNECTIONS,
    keepAliveTimeout: IDLE_MS,
    keepAliveMaxTimeout: IDLE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Each asking has its own end.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: CONNECT_TIMEOUT_MS, ...(secureContext && { secureContext }) },
  });
}

function requestOf({ tls, address, path }: HttpEndpoint, asking: Asking): Dispatcher.RequestOptions {
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return {
    origin: `${tls ? "https" : "http"}://${host}:${address.port}`,
    path: path === "" ? CONNECT_PATH : path,
    method: "POST",
    headers: {
      "content-type": "application/json",
      "connect-protocol-version": "1",
      "connect-timeout-ms": String(Math.max(1, Math.floor(asking.timeoutMs))),
      "user-agent": "dispatcher",
    },
    body: toJsonString(ValidateRequestSchema, asking.request),
    signal: asking.signal,
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
  return hadServed(error) ? { ...failed, mayRepeat: true } : failed;
}

/** Perhaps the server closed an idle connection just as the question was sent over it. */
function hadServed(error: Error): boolean {
  return error instanceof errors.SocketError && (error.socket?.bytesRead ?? 0) > 0;
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

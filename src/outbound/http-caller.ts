import type { SecureContext } from "node:tls";
import { Agent, type Dispatcher } from "undici";
import type { HttpEndpoint } from "./endpoint.ts";
import type { HostMethod } from "./host-method.ts";
import { HttpExchange } from "./http-exchange.ts";
import { CONNECT_TIMEOUT_MS, MAX_HEADER_BYTES } from "./limits.ts";
import { pathOf } from "./method-terms.ts";
import type { ProtocolCaller, UnaryCall } from "./unary-call.ts";

/** To one endpoint; further calls wait, while their time runs. */
const MAX_CONNECTIONS = 128;

/** Calls a method with the Connect protocol, as JSON over HTTP/1.1. */
export function createHttpCaller<Request, Answer>(
  method: HostMethod<Request, Answer>,
  trust: () => SecureContext,
): ProtocolCaller<HttpEndpoint, Request, Answer> {
  const connectPath = pathOf(method);
  const agents = new Map<string, Agent>();
  const agentFor = (tls: boolean, keepAlive: boolean) => {
    const key = `${tls} ${keepAlive}`;
    const agent = agents.get(key) ?? createAgent(method.idleMs, keepAlive, tls ? trust() : undefined);
    agents.set(key, agent);
    return agent;
  };
  const optionsOf = (
    { tls, address, path }: HttpEndpoint,
    { request, timeoutMs }: UnaryCall<Request>,
  ): Dispatcher.DispatchOptions => {
    const host = address.host.includes(":") ? `[${address.host}]` : address.host;
    return {
      origin: `${tls ? "https" : "http"}://${host}:${address.port}`,
      path: path === "" ? connectPath : path,
      method: "POST",
      headers: {
        "content-type": "application/json",
        "connect-protocol-version": "1",
        "connect-timeout-ms": String(Math.max(1, Math.floor(timeoutMs))),
        "user-agent": "dispatcher",
        ...method.headersOf?.(request),
      },
      body: method.toJson(request),
    };
  };
  return {
    call: (endpoint, call) =>
      new Promise((resolve) => {
        const options = optionsOf(endpoint, call);
        const agent = agentFor(endpoint.tls, !call.isRepeat);
        const exchange = new HttpExchange(method, call, (heard) => resolve(method.readHttp(endpoint, heard)));
        agent.dispatch(options, exchange);
      }),
    close: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.destroy()));
    },
  };
}

function createAgent(idleMs: number, keepAlive: boolean, secureContext: SecureContext | undefined): Agent {
  return new Agent({
    allowH2: false,
    pipelining: keepAlive ? 1 : 0,
    connections: MAX_CONNECTIONS,
    keepAliveTimeout: idleMs,
    keepAliveMaxTimeout: idleMs,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Each call has its own end.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: CONNECT_TIMEOUT_MS, ...(secureContext && { secureContext }) },
  });
}

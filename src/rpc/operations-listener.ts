import { createServer, type RequestListener, type ServerResponse } from "node:http";
import type { Metrics } from "../observability/metrics.ts";
import { createHttpClosing } from "./http-closing.ts";
import { type CallListener, listen } from "./listen.ts";
import type { ListenAddress } from "./listen-address.ts";

/** Whether calls are accepted, and if not, everything that stands in the way. */
export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

export interface OperationsListenerOptions {
  /** Any address, such as `0.0.0.0:7482`: kubelet and Prometheus come by the pod's. */
  readonly address: ListenAddress;
  readonly readiness: () => Readiness;
  readonly metrics: Metrics;
}

/**
 * Health and metrics of the process and nothing else, which is why it needs no authentication.
 *
 * `/healthz` answers as long as the process turns, with or without a database; `/readyz` says whether calls are accepted.
 */
export function createOperationsListener(options: OperationsListenerOptions): CallListener {
  const closing = createHttpClosing();
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 10_000, connectionsCheckingInterval: 1000 },
    closing.following(requestListener(options)),
  );
  server.maxConnections = 100;

  return {
    start: () => listen(server, options.address),
    stop: (graceMs) => closing.close(server, graceMs),
  };
}

function requestListener({ readiness, metrics }: OperationsListenerOptions): RequestListener {
  const pages: Readonly<Record<string, (response: ServerResponse) => void>> = {
    "/healthz": (response) => send(response, 200, "text/plain; charset=utf-8", "ok\n"),
    "/readyz": (response) => {
      const { ready, reasons } = readiness();
      const body = JSON.stringify({ ready, reasons });
      send(response, ready ? 200 : 503, "application/json", `${body}\n`);
    },
    "/metrics": (response) => {
      metrics.registry.metrics().then(
        (text) => send(response, 200, metrics.registry.contentType, text),
        () => send(response, 500, "text/plain; charset=utf-8", "the metrics could not be read\n"),
      );
    },
  };

  return (request, response) => {
    const path = request.url?.split("?", 1)[0] ?? "";
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    if (!page) return send(response, 404, "text/plain; charset=utf-8", "not found\n");
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      return send(response, 405, "text/plain; charset=utf-8", "GET or HEAD only\n");
    }
    page(response);
  };
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { "content-type": contentType, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

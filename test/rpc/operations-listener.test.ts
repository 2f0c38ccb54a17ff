import { afterAll, beforeAll, expect, test } from "vitest";
import { createMetrics } from "../../src/observability/metrics.ts";
import type { CallListener } from "../../src/rpc/listen.ts";
import { formatAddress } from "../../src/rpc/listen-address.ts";
import { createOperationsListener, type Readiness } from "../../src/rpc/operations-listener.ts";

let listener: CallListener;
let url: string;
let readiness: Readiness = { ready: true, reasons: [] };
beforeAll(async () => {
  listener = createOperationsListener({
    address: { kind: "tcp", host: "127.0.0.1", port: 0 },
    readiness: () => readiness,
    metrics: createMetrics(),
  });
  url = `http://${formatAddress(await listener.start())}`;
});
afterAll(() => listener.stop(0));

test("/healthz answers whatever the readiness", async () => {
  readiness = { ready: false, reasons: ["the database has not been reached"] };
  const answer = await fetch(`${url}/healthz`);
  expect([answer.status, await answer.text()]).toEqual([200, "ok\n"]);
});

test("/readyz tells every reason", async () => {
  readiness = { ready: false, reasons: ["stopping", "the database has not been reached"] };
  const refused = await fetch(`${url}/readyz`);
  expect([refused.status, await refused.json()]).toEqual([503, readiness]);

  readiness = { ready: true, reasons: [] };
  const answer = await fetch(`${url}/readyz?verbose`);
  expect([answer.status, await answer.json()]).toEqual([200, readiness]);
});

test("/metrics has the process's and the calls'", async () => {
  const answer = await fetch(`${url}/metrics`);
  expect(answer.headers.get("content-type")).toContain("text/plain");
  const text = await answer.text();
  expect(text).toContain("process_cpu_seconds_total");
  expect(text).toContain("nodejs_eventloop_lag_seconds");
  expect(text).toContain('rpc_server_active_calls{listener="grpc"} 0');
});

test("HEAD as GET without a body; no other verb, no other path", async () => {
  const head = await fetch(`${url}/readyz`, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    const answer = await fetch(`${url}/healthz`, { method });
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  }
  for (const path of ["/", "/healthz/", "/constructor", "/dispatcher.v1.DispatcherService/Execute"]) {
    expect((await fetch(url + path)).status).toBe(404);
  }
});

import { describe, expect, test } from "vitest";
import { createLog } from "../../src/observability/log.ts";
import { createMetrics } from "../../src/observability/metrics.ts";
import { createGrpcListener } from "../../src/rpc/grpc-listener.ts";
import { createHttpListener } from "../../src/rpc/http-listener.ts";
import { formatAddress, parseAddress, parseLocalAddress } from "../../src/rpc/listen-address.ts";
import { createPipeline } from "../../src/rpc/pipeline.ts";

describe("addresses of the API listeners", () => {
  test.each([
    ["127.0.0.1:7480", { kind: "tcp", host: "127.0.0.1", port: 7480 }],
    ["127.9.8.7:0", { kind: "tcp", host: "127.9.8.7", port: 0 }],
    ["localhost:7480", { kind: "tcp", host: "localhost", port: 7480 }],
    ["[::1]:7480", { kind: "tcp", host: "::1", port: 7480 }],
    ["unix:///run/app/d.sock", { kind: "unix", path: "/run/app/d.sock" }],
    ["unix:/run/app/d.sock", { kind: "unix", path: "/run/app/d.sock" }],
  ])("%s is local", (text, address) => {
    expect(parseLocalAddress(text, "X")).toEqual(address);
    expect(parseAddress(formatAddress(parseAddress(text, "X")), "X")).toEqual(address);
  });

  test.each([
    "0.0.0.0:7480",
    "[::]:7480",
    "10.0.0.1:7480",
    "example.com:80",
    "localhost.example.com:80",
    "[::ffff:10.0.0.1]:1",
  ])("%s is not", (text) => {
    expect(() => parseLocalAddress(text, "DISPATCHER_GRPC_ADDRESS")).toThrow(
      /^DISPATCHER_GRPC_ADDRESS: .*loopback/,
    );
  });

  test.each([
    "",
    "7480",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:65536",
    "::1:7480",
    "unix:",
    "http://127.0.0.1:80",
    "a b:1:2",
  ])("%j is no address", (text) => {
    expect(() => parseAddress(text, "DISPATCHER_OPERATIONS_ADDRESS")).toThrow(
      /^DISPATCHER_OPERATIONS_ADDRESS: /,
    );
  });

  test("a listener refuses another address even if it was not read by these", () => {
    const pipeline = createPipeline({
      services: [],
      gate: () => undefined,
      log: createLog("silent"),
      metrics: createMetrics(),
    });
    const address = { kind: "tcp", host: "0.0.0.0", port: 0 } as const;
    expect(() => createGrpcListener({ address, pipeline })).toThrow("DISPATCHER_GRPC_ADDRESS");
    expect(() => createHttpListener({ address, pipeline })).toThrow("DISPATCHER_HTTP_ADDRESS");
  });
});

import { describe, expect, test } from "vitest";
import { Refusal } from "../../src/domain/refusal.ts";
import { createEndpointPolicy } from "../../src/outbound/endpoint-policy.ts";

const OWN_PORTS = [7480, 7481, 7482];

function policyAllowing(...allow: string[]) {
  return createEndpointPolicy({
    allow,
    ownPorts: OWN_PORTS,
    deniedTargets: [
      { address: { kind: "tcp", host: "DB.internal", port: 5432 }, what: "this sidecar's own database" },
      { address: { kind: "tcp", host: "127.0.0.1", port: 15432 }, what: "this sidecar's own database" },
      { address: { kind: "unix", path: "/run/dispatcher.sock" }, what: "this sidecar itself" },
    ],
  });
}

/** The reason and message of the refusal, or nothing if the endpoint may be called. */
function refusalOf(url: string, ...allow: string[]): Refusal | undefined {
  try {
    policyAllowing(...allow).check(url);
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

test.each(["grpc://127.0.0.1:9000", "http://localhost:8000/x", "grpc://[::1]:9000", "unix:///run/app.sock"])(
  "%s is local and needs nobody's leave",
  (url) => expect(policyAllowing().check(url)).toEqual({ local: true }),
);

test("another machine needs the operator's leave, and the refusal says how to get it", () => {
  const refusal = refusalOf("grpc://validator.shop.svc:9000", "other:9000");
  expect(refusal?.reason).toBe("ENDPOINT_NOT_ALLOWED");
  expect(refusal?.message).toContain('"grpc://validator.shop.svc:9000"');
  expect(refusal?.message).toContain('add "validator.shop.svc:9000"');
  expect(refusal?.message).toContain("DISPATCHER_ENDPOINT_ALLOW");
  expect(refusalOf("http://[fd00::5]/")?.message).toContain('add "[fd00::5]:80"');
  expect(policyAllowing("validator.shop.svc:9000").check("grpc://validator.shop.svc:9000")).toEqual({
    local: false,
  });
});

test("what is no endpoint is an invalid request", () => {
  expect(refusalOf("file:///etc/passwd", "*:*")?.reason).toBe("INVALID_REQUEST");
});

describe("patterns", () => {
  test.each<[string, string, boolean]>([
    ["host:9000", "grpc://host:9000", true],
    ["host:9000", "grpc://host:9001", false],
    ["host:*", "grpc://host:9001", true],
    ["host:80", "http://host", true],
    ["HOST.Example:80", "http://host.example", true],
    ["host.example.:80", "http://host.example", true],
    ["host.example:80", "http://host.example.", true],
    ["*.svc.cluster.local:*", "grpc://cart.svc.cluster.local:1", true],
    ["*.svc.cluster.local:*", "grpc://cart.shop.svc.cluster.local:1", true],
    ["*.svc.cluster.local:*", "grpc://svc.cluster.local:1", false],
    ["*.svc.cluster.local:*", "grpc://svcxcluster.local:1", false],
    ["*.svc.cluster.local:*", "grpc://a.svc.cluster.local.evil:1", false],
    ["cart.*.svc:1", "grpc://cart.shop.svc:1", true],
    ["cart.*.svc:1", "grpc://cart.a.b.svc:1", false],
    ["a-b.example:1", "grpc://a-b.example:1", true],
    ["10.0.0.5:9000", "grpc://10.0.0.5:9000", true],
    ["10.0.0.5:9000", "grpc://10.0.0.6:9000", false],
    ["10.0.0.5:9000", "grpc://[::ffff:10.0.0.5]:9000", true],
    ["10.0.0.0/8:*", "grpc://10.200.3.4:1", true],
    ["10.0.0.0/8:*", "grpc://11.0.0.1:1", false],
    ["10.0.0.0/8:*", "grpc://[fd00::1]:1", false],
    ["[fd00::5]:9000", "grpc://[fd00:0::5]:9000", true],
    ["[fd00::]/8:*", "grpc://[fd12::1]:1", true],
    ["[fd00::]/8:*", "grpc://[fe00::1]:1", false],
    ["*:9000", "grpc://anything.example:9000", true],
    ["*:*", "grpc://8.8.8.8:1", true],
    ["*.example:*", "grpc://10.0.0.5:1", false],
    [" host:1 ", "grpc://host:1", true],
  ])("%s lets %s pass: %s", (pattern, url, passes) => {
    expect(refusalOf(url, pattern) === undefined).toBe(passes);
  });

  test("all that are wrong are named at start", () => {
    const wrong = ["host", "host:", ":1", "host:0", "host:65536", "a*b:1", "10.0.0.*:1", "*.*:1", "::1:1"];
    const message = messageOf(() => policyAllowing("good:1", ...wrong, "10.0.0.0/33:1", "http://host:1"));
    expect(message).toMatch(/^DISPATCHER_ENDPOINT_ALLOW: /);
    for (const pattern of [...wrong, "10.0.0.0/33:1", "http://host:1"])
      expect(message).toContain(`"${pattern}"`);
    expect(message).not.toContain("good");
  });
});

describe("never called, whatever is allowed", () => {
  test.each<[string, RegExp]>([
    ["http://169.254.169.254/latest", /link-local/],
    ["http://169.254.0.1", /link-local/],
    ["grpc://[fe80::1]:1", /link-local/],
    ["grpc://[::ffff:169.254.169.254]:1", /link-local/],
    ["grpc://[64:ff9b::a9fe:a9fe]:1", /link-local/],
    ["grpc://[2002:a9fe:a9fe::1]:1", /link-local/],
    ["http://metadata.google.internal/", /metadata/],
    ["http://METADATA.google.internal./", /metadata/],
    ["http://metadata/", /metadata/],
    ["http://instance-data/", /metadata/],
    ["http://100.100.100.200/", /metadata/],
    ["http://168.63.129.16/", /metadata/],
    ["http://[fd00:ec2::254]/", /metadata/],
    ["http://224.0.0.1/", /multicast/],
    ["grpc://[ff02::1]:1", /multicast/],
    ["http://0.0.0.0/", /unspecified/],
    ["http://0.1.2.3/", /unspecified/],
    ["grpc://[::]:1", /unspecified/],
    ["http://255.255.255.255/", /broadcast/],
    ["grpc://127.0.0.1:7480", /this sidecar itself/],
    ["http://localhost:7481/x", /this sidecar itself/],
    ["http://127.9.9.9:7482", /this sidecar itself/],
    ["grpc://[::1]:7480", /this sidecar itself/],
    ["grpc://[::ffff:127.0.0.1]:7480", /this sidecar itself/],
    ["unix:///run/dispatcher.sock", /this sidecar itself/],
    ["unix:///run/../run//dispatcher.sock", /this sidecar itself/],
    ["grpc://db.internal:5432", /own database/],
    ["http://db.internal.:5432/", /own database/],
    ["grpc://localhost:15432", /own database/],
  ])("%s", (url, message) => {
    const refusal = refusalOf(url, "*:*");
    expect(refusal?.reason).toBe("ENDPOINT_NOT_ALLOWED");
    expect(refusal?.message).toMatch(message);
    expect(refusal?.message).toContain(url);
  });

  test.each([
    "grpc://db.internal:5433",
    "grpc://10.0.0.1:7480",
    "http://127.0.0.1:7483",
    "unix:///run/app.sock",
  ])("%s is no such place", (url) => expect(refusalOf(url, "*:*")).toBeUndefined());
});

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

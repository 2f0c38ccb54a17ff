import { describe, expect, test } from "vitest";
import { Refusal } from "../../src/domain/refusal.ts";
import { isLocal, parseEndpoint } from "../../src/outbound/endpoint.ts";

const tcp = (host: string, port: number) => ({ kind: "tcp", host, port });

test.each<[string, Record<string, unknown>]>([
  ["grpc://127.0.0.1:9000", { kind: "grpc", tls: false, address: tcp("127.0.0.1", 9000) }],
  ["grpc://validator.shop.svc:9000/", { kind: "grpc", address: tcp("validator.shop.svc", 9000) }],
  ["grpcs://validator:443", { kind: "grpc", tls: true, address: tcp("validator", 443) }],
  ["GRPC://Validator:1", { kind: "grpc", address: tcp("validator", 1) }],
  ["grpc://[::1]:65535", { kind: "grpc", address: tcp("::1", 65535) }],
  ["grpc://[0:0:0:0:0:0:0:1]:1", { kind: "grpc", address: tcp("::1", 1) }],
  ["grpc://name_with-all.x1.:1", { kind: "grpc", address: tcp("name_with-all.x1.", 1) }],
  [
    "unix:///run/app/v.sock",
    { kind: "grpc", tls: false, address: { kind: "unix", path: "/run/app/v.sock" } },
  ],
  ["http://app", { kind: "http", tls: false, address: tcp("app", 80), path: "" }],
  ["http://app/", { kind: "http", address: tcp("app", 80), path: "" }],
  ["https://app", { kind: "http", tls: true, address: tcp("app", 443), path: "" }],
  ["http://app:8000/a//b/../c%20d", { kind: "http", address: tcp("app", 8000), path: "/a//b/../c%20d" }],
  [
    "http://xn--mnchen-3ya.example/x",
    { kind: "http", address: tcp("xn--mnchen-3ya.example", 80), path: "/x" },
  ],
])("%s is read", (url, expected) => {
  expect(parseEndpoint(url)).toMatchObject({ url, ...expected });
});

describe("refused, in words that help", () => {
  test.each<[string, string, RegExp]>([
    ["empty", "", /is empty.*grpc:\/\/host:port/],
    ["no scheme", "localhost:9000", /has the scheme "localhost".*grpc:\/\/host:port/],
    ["a path only", "/run/app.sock", /has no scheme.*unix:\/\/\//],
    ["file:", "file:///etc/passwd", /scheme "file".*http:\/\/host/],
    ["gopher:", "gopher://host:70/", /scheme "gopher"/],
    ["javascript:", "javascript:alert(1)", /scheme "javascript"/],
    ["ftp", "ftp://host/", /scheme "ftp"/],
    ["ws", "ws://host/", /scheme "ws"/],
    ["unix-abstract", "unix-abstract:x", /scheme "unix-abstract"/],
    ["no slashes", "grpc:host:9000", /"\/\/" after "grpc:"/],
    ["one slash", "http:/host", /"\/\/" after "http:"/],
    ["no host", "grpc://:9000", /has no host/],
    ["no host, http", "http:///path", /has no host/],
    ["no port", "grpc://host", /has no port.*grpc:\/\/host:port/],
    ["empty port", "grpc://host:", /port that is not a number/],
    ["port 0", "http://host:0", /1 to 65535/],
    ["port 65536", "grpc://host:65536", /1 to 65535/],
    ["port 080", "http://host:080", /1 to 65535/],
    ["port -1", "grpc://host:-1", /1 to 65535/],
    ["port of words", "grpc://host:http", /1 to 65535/],
    ["a path", "grpc://host:1/path", /has a path, which gRPC has no use for/],
    ["user", "http://user@host/", /names a user/],
    ["empty user", "http://@host/", /names a user/],
    ["query", "http://host/?a=b", /has a query/],
    ["fragment", "grpc://host:1#x", /has a fragment/],
    ["IPv6 without brackets", "grpc://::1:9000", /has no host|port that is not/],
    ["IPv6 with a zone", "grpc://[fe80::1%25eth0]:1", /not an IPv6 address/],
    ["brackets around a name", "grpc://[localhost]:1", /not an IPv6 address/],
    ["open bracket", "grpc://[::1:1", /neither a name|not an IPv6/],
    ["decimal IPv4", "grpc://2130706433:1", /nearly an IPv4/],
    ["hexadecimal IPv4", "http://0x7f000001/", /nearly an IPv4/],
    ["octal IPv4", "grpc://0177.0.0.1:1", /nearly an IPv4/],
    ["short IPv4", "http://127.1/", /nearly an IPv4/],
    ["IPv4 with hex at the end", "http://127.0.0.0x1/", /nearly an IPv4/],
    ["IPv4 above 255", "grpc://256.0.0.1:1", /nearly an IPv4/],
    ["full-width digits", "http://１２７.0.0.1/", /outside ASCII/],
    ["IDN", "http://münchen.example/", /punycode/],
    ["percent in the host", "http://%6c%6f/", /neither a name/],
    ["space in the host", "http://a b/", /neither a name/],
    ["space in the path", "http://host/a b", /percent-encoded/],
    ["empty label", "grpc://a..b:1", /neither a name/],
    ["long label", `grpc://${"a".repeat(64)}:1`, /neither a name/],
    ["backslash", "http://host\\@evil/", /backslash/],
    ["CR LF", "http://host/\r\nx: y", /control character/],
    ["U+0000", "unix:///run/\0", /control character/],
    ["DEL", "http://host/\x7f", /control character/],
    ["too long", `http://host/${"a".repeat(1000)}`, /longer than 1000 bytes/],
    ["unix with one slash", "unix:/run/app.sock", /unix:\/\/\/run/],
    ["unix with a host", "unix://host/run/app.sock", /unix:\/\/\/run/],
    ["unix root", "unix:///", /absolute path of a socket/],
    ["long unix path", `unix:///${"a".repeat(104)}`, /longer than 103 bytes/],
  ])("%s", (_, url, message) => {
    const refusal = refusalOf(() => parseEndpoint(url));
    expect(refusal.reason).toBe("INVALID_REQUEST");
    expect(refusal.message).toMatch(message);
    expect(refusal.message.length).toBeLessThan(500);
    expect(refusal.message).not.toMatch(/\p{Cc}/u);
  });

  test("a password is not repeated", () => {
    const refusal = refusalOf(() => parseEndpoint("http://user:hunter2@host/"));
    expect(refusal.message + JSON.stringify(refusal.details.metadata)).not.toContain("hunter2");
  });
});

test.each<[string, boolean]>([
  ["grpc://127.0.0.1:1", true],
  ["grpc://127.8.9.10:1", true],
  ["grpc://[::1]:1", true],
  ["grpc://[::ffff:127.0.0.1]:1", true],
  ["http://LOCALHOST", true],
  ["http://localhost.", true],
  ["unix:///run/x", true],
  ["grpc://[::127.0.0.1]:1", false],
  ["grpc://[::ffff:10.0.0.1]:1", false],
  ["grpc://128.0.0.1:1", false],
  ["http://0.0.0.0", false],
  ["http://localhost.example", false],
  ["http://app.localhost", false],
])("%s is local: %s", (url, local) => {
  expect(isLocal(parseEndpoint(url))).toBe(local);
});

function refusalOf(act: () => unknown): Refusal {
  try {
    act();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

import { isIPv4, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";
import { Refusal } from "../domain/refusal.ts";

export interface TcpAddress {
  readonly kind: "tcp";
  /** In lower case; an IP address in its shortest form and without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface UnixAddress {
  readonly kind: "unix";
  /** Absolute path of the socket. */
  readonly path: string;
}

export interface GrpcEndpoint {
  readonly kind: "grpc";
  readonly url: string;
  readonly tls: boolean;
  readonly address: TcpAddress | UnixAddress;
}

export interface HttpEndpoint {
  readonly kind: "http";
  readonly url: string;
  readonly tls: boolean;
  readonly address: TcpAddress;
  /** To be POSTed to as it stands; empty if the URL names none but "/". */
  readonly path: string;
}

/** What an endpoint URL says. */
export type ParsedEndpoint = GrpcEndpoint | HttpEndpoint;

const MAX_URL_BYTES = 1000;
/** What the narrowest system, macOS, has room for. */
const MAX_SOCKET_PATH_BYTES = 103;
const POSSIBLE = "grpc://host:port, grpcs://host:port, unix:///path/of/socket, http://host or https://host";
const DEFAULT_PORT: Readonly<Record<string, number>> = { http: 80, https: 443 };

/**
 * Reads an endpoint URL, with none of the rewriting that browsers do: what can be understood in two ways is refused.
 *
 * @throws Refusal INVALID_REQUEST, in words that say what is possible instead
 */
export function parseEndpoint(url: string): ParsedEndpoint {
  if (url === "") throw refused(url, `is empty: write ${POSSIBLE}`);
  if (Buffer.byteLength(url) > MAX_URL_BYTES) throw refused(url, `is longer than ${MAX_URL_BYTES} bytes`);
  if (/\p{Cc}/u.test(url)) throw refused(url, "contains a control character");
  if (/[^\x20-\x7e]/.test(url))
    throw refused(
      url,
      "contains characters outside ASCII: write the host in punycode and percent-encode the path",
    );
  if (url.includes("\\")) throw refused(url, "contains a backslash");
  if (url.includes("?")) throw refused(url, "has a query, which is not sent: leave it out");
  if (url.includes("#")) throw refused(url, "has a fragment, which is not sent: leave it out");

  const [, scheme = "", rest = ""] = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/.exec(url) ?? [];
  switch (scheme.toLowerCase()) {
    case "unix":
      return parseUnix(url, rest);
    case "grpc":
    case "grpcs":
    case "http":
    case "https":
      return parseNetwork(url, scheme.toLowerCase(), rest);
    default:
      throw refused(url, `${scheme ? `has the scheme "${scheme}"` : "has no scheme"}: write ${POSSIBLE}`);
  }
}

function parseUnix(url: string, rest: string): GrpcEndpoint {
  if (!rest.startsWith("///") || rest.startsWith("////") || rest.endsWith("/"))
    throw refused(
      url,
      "must name the absolute path of a socket, with three slashes: unix:///run/app/validator.sock",
    );
  const path = rest.slice(2);
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES)
    throw refused(
      url,
      `names a socket path longer than ${MAX_SOCKET_PATH_BYTES} bytes, for which systems have no room`,
    );
  return { kind: "grpc", url, tls: false, address: { kind: "unix", path } };
}

function parseNetwork(url: string, scheme: string, rest: string): ParsedEndpoint {
  if (!rest.startsWith("//"))
    throw refused(url, `must go on with "//" after "${scheme}:": write ${POSSIBLE}`);
  const [, authority = "", path = ""] = /^\/\/([^/]*)(.*)$/.exec(rest) ?? [];
  if (authority.includes("@")) throw refused(url, "names a user, which endpoints cannot have: leave it out");
  const [, rawHost = "", , rawPort] = /^(\[[^\]]*\]|[^:]*)(:(.*))?$/.exec(authority) ?? [];
  if (rawHost === "") throw refused(url, `has no host: write ${POSSIBLE}`);
  if (rawPort === undefined && DEFAULT_PORT[scheme] === undefined)
    throw refused(url, `has no port, and gRPC has no usual one: write ${scheme}://host:port`);

  const host = parseHost(url, rawHost);
  const port = rawPort === undefined ? Number(DEFAULT_PORT[scheme]) : parsePort(url, rawPort);
  const address: TcpAddress = { kind: "tcp", host, port };
  const namesPath = path !== "" && path !== "/";
  switch (scheme) {
    case "grpc":
    case "grpcs":
      if (namesPath)
        throw refused(url, `has a path, which gRPC has no use for: write ${scheme}://${authority}`);
      return { kind: "grpc", url, tls: scheme === "grpcs", address };
    default:
      if (/[ "<>^`{|}]/.test(path))
        throw refused(url, "has a path with characters that must be percent-encoded");
      return { kind: "http", url, tls: scheme === "https", address, path: namesPath ? path : "" };
  }
}

function parseHost(url: string, host: string): string {
  if (host.startsWith("[")) {
    const inside = host.slice(1, -1);
    if (!isIPv6(inside) || inside.includes("%"))
      throw refused(url, "has something in brackets that is not an IPv6 address (a zone is not possible)");
    // Not by ipaddr.js, which takes ::127.0.0.1 for ::ffff:127.0.0.1.
    return new URL(`http://${host}`).hostname.slice(1, -1);
  }
  const labels = host.toLowerCase().replace(/\.$/, "").split(".");
  // Resolvers read numbers, octal and hexadecimal ones too, as IPv4 addresses; only the usual form says which.
  if (/^(\d+|0x[\da-f]*)$/.test(labels.at(-1) ?? "") && !isIPv4(host))
    throw refused(
      url,
      "has a host that is nearly an IPv4 address: write four decimal numbers, such as 10.0.0.5",
    );
  if (host.length > 253 || !labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label)))
    throw refused(url, "has a host that is neither a name nor an IP address");
  return host.toLowerCase();
}

function parsePort(url: string, port: string): number {
  if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535)
    throw refused(url, "has a port that is not a number from 1 to 65535");
  return Number(port);
}

/** The host and every address in it are this machine's own: a unix socket, a loopback address or `localhost`. */
export function isLocal({ address }: ParsedEndpoint): boolean {
  return address.kind === "unix" || isLoopback(address.host);
}

/** True for the addresses by which a machine reaches only itself, and for `localhost`. */
export function isLoopback(host: string): boolean {
  if (isIPv4(host) || isIPv6(host)) return ipaddr.process(host).range() === "loopback";
  return host === "localhost" || host === "localhost.";
}

function refused(url: string, problem: string): Refusal {
  const shown = shownUrl(url);
  return new Refusal("INVALID_REQUEST", `Endpoint "${shown}" ${problem}.`, { metadata: { endpoint: shown } });
}

/** The URL as a message may show it: without credentials, and not of any length. */
function shownUrl(url: string): string {
  const harmless = url.replace(/\/\/[^/]*@/, "//***@").replace(/\p{Cc}/gu, "\uFFFD");
  return harmless.length > 200 ? `${harmless.slice(0, 200)}…` : harmless;
}

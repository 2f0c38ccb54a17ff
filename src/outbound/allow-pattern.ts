import { isIPv4, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";
import type { TcpAddress } from "./endpoint.ts";

/** One entry of DISPATCHER_ENDPOINT_ALLOW. */
export interface AllowPattern {
  matches(address: TcpAddress): boolean;
}

/**
 * Reads one `host:port` pattern of DISPATCHER_ENDPOINT_ALLOW:
 *
 * - `port` is a number from 1 to 65535, or `*` for any.
 * - `host` is a name (`validator.shop.svc`), an IP address (`10.0.0.5`, `[fd00::5]`), a range of addresses
 *   (`10.0.0.0/8`, `[fd00::]/8`), or `*` for any name and any address.
 * - In a name, `*` as the first label stands for one or more labels, as any other label for exactly one: `*.svc.cluster.local`
 *   matches `cart.shop.svc.cluster.local`, but not `svc.cluster.local`.
 *
 * Names match as they are written in the endpoint, whatever they resolve to, and in any case.
 *
 * @throws Error saying what is wrong with the pattern
 */
export function parseAllowPattern(pattern: string): AllowPattern {
  const [, host = "", port = ""] = /^(.+):([^:]+)$/.exec(pattern.trim()) ?? [];
  if (host === "") throw new Error(`"${pattern}" is not host:port (a port may be "*")`);
  if (port !== "*" && !(/^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65_535))
    throw new Error(`"${pattern}" has a port that is neither a number from 1 to 65535 nor "*"`);
  const matchesHost = hostMatcher(pattern, host.toLowerCase().replace(/\.$/, ""));
  return {
    matches: (address) => (port === "*" || Number(port) === address.port) && matchesHost(address.host),
  };
}

function hostMatcher(pattern: string, host: string): (host: string) => boolean {
  if (host === "*") return () => true;
  const [, address = "", length] = /^\[?([^\]/]*)\]?(?:\/(\d{1,3}))?$/.exec(host) ?? [];
  if (isIPv4(address) || isIPv6(address)) {
    if (isIPv6(address) && !host.startsWith("["))
      throw new Error(`"${pattern}" has an IPv6 address without brackets`);
    return rangeMatcher(pattern, address, length);
  }
  const labels = host.split(".");
  if (!labels.every((label) => label === "*" || /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label)))
    throw new Error(
      `"${pattern}" has a host that is neither a name (where "*" stands for a whole label) nor an address`,
    );
  if (/^[\d*]+$/.test(labels.at(-1) ?? ""))
    throw new Error(`"${pattern}" ends in a number or "*": write a range of addresses as 10.0.0.0/8`);
  const [first, ...others] = labels.map((label) => (label === "*" ? "[^.]+" : label));
  const expression = new RegExp(`^${[first === "[^.]+" ? ".+" : first, ...others].join("\\.")}$`, "v");
  return (name) => !isAddress(name) && expression.test(name.replace(/\.$/, ""));
}

function rangeMatcher(
  pattern: string,
  address: string,
  length: string | undefined,
): (host: string) => boolean {
  const range = ipaddr.parse(address);
  const bits = range.kind() === "ipv4" ? 32 : 128;
  if (length !== undefined && Number(length) > bits)
    throw new Error(`"${pattern}" has a range longer than /${bits}`);
  return (host) => {
    if (!isAddress(host)) return false;
    // An IPv4 address is the same one in its IPv6 spelling.
    const candidate = ipaddr.process(host);
    if (candidate.kind() !== range.kind()) return false;
    return length === undefined
      ? candidate.toString() === range.toString()
      : inRange(candidate, range, Number(length));
  };
}

function inRange(
  candidate: ipaddr.IPv4 | ipaddr.IPv6,
  range: ipaddr.IPv4 | ipaddr.IPv6,
  bits: number,
): boolean {
  return candidate instanceof ipaddr.IPv4
    ? range instanceof ipaddr.IPv4 && candidate.match(range, bits)
    : range instanceof ipaddr.IPv6 && candidate.match(range, bits);
}

function isAddress(host: string): boolean {
  return isIPv4(host) || isIPv6(host);
}

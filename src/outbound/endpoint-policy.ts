import { posix } from "node:path";
import { Refusal } from "../domain/refusal.ts";
import { type AllowPattern, parseAllowPattern } from "./allow-pattern.ts";
import {
  isLocal,
  isLoopback,
  type ParsedEndpoint,
  parseEndpoint,
  type TcpAddress,
  type UnixAddress,
} from "./endpoint.ts";
import { findForbiddenHost } from "./forbidden-host.ts";

/** A place that is no validator's or callback's, whatever the operator allows. */
export interface DeniedTarget {
  readonly address: TcpAddress | UnixAddress;
  /** What it is, to be read after "is": "this sidecar's own database". */
  readonly what: string;
}

export interface EndpointPolicyOptions {
  /** The `host:port` patterns of DISPATCHER_ENDPOINT_ALLOW; see `parseAllowPattern` for the grammar. */
  readonly allow: readonly string[];
  /** Ports that the sidecar itself listens on. */
  readonly ownPorts: readonly number[];
  readonly deniedTargets?: readonly DeniedTarget[] | undefined;
}

/**
 * Says which endpoints may be called. Judges the URL as it is written; what a name resolves to is judged, if at all, when
 * it is connected to.
 */
export interface EndpointPolicy {
  /**
   * Lets pass what is on this machine (`local`) or allowed by the operator.
   *
   * @throws Refusal INVALID_REQUEST for what is not an endpoint URL, ENDPOINT_NOT_ALLOWED for one that may not be called
   */
  check(url: string): { readonly local: boolean };
}

/** @throws Error naming every pattern that is not one */
export function createEndpointPolicy(options: EndpointPolicyOptions): EndpointPolicy {
  const patterns = parsePatterns(options.allow);
  const denied = [
    ...options.ownPorts.map(
      (port): DeniedTarget => ({
        address: { kind: "tcp", host: "localhost", port },
        what: "this sidecar itself, which would call itself in a circle",
      }),
    ),
    ...(options.deniedTargets ?? []),
  ];
  return {
    check: (url) => {
      const endpoint = parseEndpoint(url);
      const what = findDenied(endpoint, denied);
      if (what)
        throw notAllowed(
          url,
          `is ${what}, and is never called: give the address of the validator or callback`,
        );
      const local = isLocal(endpoint);
      if (!local && !isAllowed(endpoint, patterns)) throw notAllowed(url, remedy(endpoint));
      return { local };
    },
  };
}

function parsePatterns(allow: readonly string[]): AllowPattern[] {
  const problems: string[] = [];
  const patterns = allow.flatMap((text) => {
    try {
      return [parseAllowPattern(text)];
    } catch (error) {
      problems.push((error as Error).message);
      return [];
    }
  });
  if (problems.length > 0) throw new Error(`DISPATCHER_ENDPOINT_ALLOW: ${problems.join("; ")}`);
  return patterns;
}

function findDenied({ address }: ParsedEndpoint, denied: readonly DeniedTarget[]): string | undefined {
  const target = denied.find((candidate) => isSamePlace(candidate.address, address));
  return target?.what ?? (address.kind === "tcp" ? findForbiddenHost(address.host) : undefined);
}

function isSamePlace(one: TcpAddress | UnixAddress, other: TcpAddress | UnixAddress): boolean {
  if (one.kind === "unix" || other.kind === "unix")
    return (
      one.kind === "unix" &&
      other.kind === "unix" &&
      posix.normalize(one.path) === posix.normalize(other.path)
    );
  if (one.port !== other.port) return false;
  return (isLoopback(one.host) && isLoopback(other.host)) || fold(one.host) === fold(other.host);
}

function fold(host: string): string {
  return host.toLowerCase().replace(/\.$/, "");
}

function isAllowed({ address }: ParsedEndpoint, patterns: readonly AllowPattern[]): boolean {
  return address.kind === "unix" || patterns.some((pattern) => pattern.matches(address));
}

function remedy({ address }: ParsedEndpoint): string {
  if (address.kind === "unix") return "is not allowed";
  const { host, port } = address;
  const pattern = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return `is on another machine, and the operator has not allowed it: add "${pattern}" (or a pattern such as "*.svc.cluster.local:*") to DISPATCHER_ENDPOINT_ALLOW, or use a loopback or unix endpoint`;
}

function notAllowed(url: string, problem: string): Refusal {
  return new Refusal("ENDPOINT_NOT_ALLOWED", `Endpoint "${url}" ${problem}.`, {
    metadata: { endpoint: url },
  });
}

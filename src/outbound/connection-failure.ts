import type { GrpcEndpoint, HttpEndpoint, ParsedEndpoint } from "./endpoint.ts";
import { type Failure, failure, quoted } from "./failure.ts";
import type { MethodTerms } from "./method-terms.ts";

interface Explanation {
  /** Looked for in an error's code and message: grpc-js hands on no more than text. */
  readonly sign: RegExp;
  readonly problem: string;
  readonly remedy: (endpoint: ParsedEndpoint, server: string) => string;
}

const EXPLANATIONS: readonly Explanation[] = [
  {
    sign: /ECONNREFUSED/,
    problem: "refused the connection, since nothing listens there",
    remedy: (_, server) => `start the ${server}, or correct the address`,
  },
  {
    sign: /ENOENT/,
    problem: "is a socket that does not exist",
    remedy: (_, server) =>
      `start the ${server}, or correct the path; both containers must mount the same folder`,
  },
  {
    sign: /EACCES|EPERM/,
    problem: "may not be connected to by the sidecar's user",
    remedy: () => "give that user the right to write to the socket",
  },
  {
    sign: /ENOTFOUND|EAI_AGAIN|Name resolution failed/,
    problem: "has a host name that cannot be resolved",
    remedy: () => "correct the name, or look at DNS",
  },
  {
    sign: /EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL/,
    problem: "is on a network that cannot be reached from here",
    remedy: () => "correct the address, or look at routes and network policies",
  },
  {
    sign: /altnames|ALTNAME_INVALID/,
    problem: "has a TLS certificate for another host",
    remedy: ({ url }) =>
      `give the server a certificate for the host of ${url}, or register the name in the certificate`,
  },
  {
    sign: /certificate has expired|CERT_HAS_EXPIRED/,
    problem: "has an expired TLS certificate",
    remedy: () => "renew it",
  },
  {
    sign: /certificate is not yet valid|CERT_NOT_YET_VALID/,
    problem: "has a TLS certificate that is not yet valid",
    remedy: () => "look at the clocks",
  },
  {
    sign: /self[- ]signed certificate|SELF_SIGNED|unable to (verify|get)|UNABLE_TO/,
    problem: "has a TLS certificate from an authority that is not trusted here",
    remedy: () => "add the authority to the sidecar's trusted ones",
  },
  {
    sign: /no application protocol/,
    problem: "speaks TLS but not gRPC (HTTP/2)",
    remedy: () => "if it is a JSON handler, register it as https://",
  },
  {
    sign: /wrong version number|EPROTO|packet length too long|http request|SSL routines/,
    problem: "does not speak TLS as expected",
    remedy: (endpoint) =>
      `if the server has no TLS, register it as ${endpoint.kind === "grpc" ? "grpc" : "http"}://`,
  },
  {
    sign: /CONNECT_TIMEOUT|no connection within/,
    problem: "did not complete a connection in time",
    remedy: (endpoint) =>
      endpoint.kind === "grpc"
        ? "see that the server is up and speaks gRPC (HTTP/2)"
        : "see that the server is up and not overloaded",
  },
];

/** Says why no connection came about, or why it broke before the answer. */
export function connectionFailure(endpoint: ParsedEndpoint, text: string, { server }: MethodTerms): Failure {
  // What Node's HTTP/2 says of bytes that are none.
  if (endpoint.kind === "grpc" && /Protocol error/.test(text))
    return notGrpc(endpoint, "it answers in something else than HTTP/2");
  const known = EXPLANATIONS.find(({ sign }) => sign.test(text));
  const explained = known
    ? failure("UNREACHABLE", known.problem, known.remedy(endpoint, server))
    : failure(
        "UNREACHABLE",
        `broke the connection before the answer (${quoted(text)})`,
        `see the ${server}'s log`,
      );
  // The next try may meet another server behind the name, or the same one after its restart.
  return { ...explained, mayRepeat: /ECONNREFUSED|ECONNRESET|EPIPE|Connection dropped/.test(text) };
}

/** Says that something answers there, but not gRPC. */
export function notGrpc(endpoint: GrpcEndpoint, what: string): Failure {
  const remedy = endpoint.tls
    ? "if it is a JSON handler, register it as https://"
    : "if it is a JSON handler, register it as http://; if it has TLS, as grpcs://";
  return failure("MALFORMED", `does not speak gRPC (${what})`, remedy);
}

/** Says that something answers there, but not HTTP/1.1. */
export function notHttp(endpoint: HttpEndpoint, what: string): Failure {
  const remedy = endpoint.tls
    ? "if it is a gRPC server, register it as grpcs://"
    : "if it is a gRPC server, register it as grpc://; if it has TLS, as https://";
  return failure("MALFORMED", `does not speak HTTP/1.1 (${quoted(what)})`, remedy);
}

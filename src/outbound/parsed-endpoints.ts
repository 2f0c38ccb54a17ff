import { type ParsedEndpoint, parseEndpoint } from "./endpoint.ts";

/** A sidecar has a few endpoints, but callers may name ever new ones. */
const MAX_REMEMBERED = 256;

/** Reads endpoint URLs, each once. It throws as parseEndpoint does. */
export function rememberEndpoints(): (url: string) => ParsedEndpoint {
  const known = new Map<string, ParsedEndpoint>();
  return (url) => {
    let endpoint = known.get(url);
    if (!endpoint) {
      endpoint = parseEndpoint(url);
      if (known.size >= MAX_REMEMBERED) known.clear();
      known.set(url, endpoint);
    }
    return endpoint;
  };
}

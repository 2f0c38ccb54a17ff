import { canConnect } from "./can-connect.ts";
import { isLocal, parseEndpoint } from "./endpoint.ts";

/** So long a place that refused the connection is left alone. */
const REFUSED_MS = 2_000;
/** On its own machine nobody needs longer to accept. */
const CONNECT_MS = 250;

/**
 * Which local endpoints answer here (R27). One is connected to before it is called for the first time, after a call to it
 * failed, and a while after it refused; in between it counts as what it was then.
 */
export class LocalReach {
  readonly #answering = new Set<string>();
  /** Until when, on the process's monotonic clock. */
  readonly #refusing = new Map<string, number>();

  /** Those of the local endpoints that answer. */
  async answering(urls: Iterable<string>): Promise<ReadonlySet<string>> {
    const now = performance.now();
    const unknown = [...urls].filter(
      (url) => !this.#answering.has(url) && (this.#refusing.get(url) ?? 0) <= now,
    );
    await Promise.all(unknown.map((url) => this.#probe(url)));
    return this.#answering;
  }

  /** A call to it failed, perhaps because nobody is there any more. */
  doubt(url: string): void {
    this.#answering.delete(url);
  }

  /** Endpoints were registered anew: whoever did it may have come back. */
  forget(): void {
    this.#answering.clear();
    this.#refusing.clear();
  }

  async #probe(url: string): Promise<void> {
    const answers = await canConnect(parseEndpoint(url).address, CONNECT_MS);
    this.#refusing.delete(url);
    if (answers) this.#answering.add(url);
    else this.#refusing.set(url, performance.now() + REFUSED_MS);
  }
}

export function isLocalUrl(url: string): boolean {
  return isLocal(parseEndpoint(url));
}

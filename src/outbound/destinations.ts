import { DESTINATION_LIMITS, Destination, type DestinationLimits } from "./destination.ts";
import { isLocal, parseEndpoint } from "./endpoint.ts";

/** Every place that effects are delivered to, by the URL of its endpoint. */
export class Destinations {
  readonly #known = new Map<string, Destination>();
  readonly #limits: DestinationLimits;

  constructor(limits: DestinationLimits = DESTINATION_LIMITS) {
    this.#limits = limits;
  }

  get(url: string): Destination {
    const known = this.#known.get(url);
    if (known) return known;
    const destination = new Destination(isLocal(parseEndpoint(url)), this.#limits);
    this.#known.set(url, destination);
    return destination;
  }

  /** Endpoints come and go with their registrations; what is known of those that have gone is dropped. */
  keepOnly(urls: ReadonlySet<string>): void {
    for (const url of this.#known.keys()) if (!urls.has(url)) this.#known.delete(url);
  }
}

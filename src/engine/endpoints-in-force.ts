import type { Callback, ChainType, Endpoint } from "../domain/chain-type.ts";
import type { StoredEndpoint } from "../store/registry-store.ts";

export type EndpointSource = "DEFINITION" | "SHARED" | "LOCAL";

export interface InForce<T> {
  readonly value: T;
  readonly source: EndpointSource;
}

/**
 * What is registered of one kind (validators or callbacks): at this sidecar alone, in memory, or for all sidecars. A
 * local registration wins over a shared one, and that over the definition's (R27); within each, one for the transition
 * wins over one for all.
 */
export class EndpointsInForce<T extends Endpoint | Callback> {
  readonly #local = new Map<string, T>();
  #shared: ReadonlyMap<string, T> = new Map();
  #changes = 0;
  readonly #defined: (chainType: ChainType, transition: string) => T | undefined;

  constructor(defined: (chainType: ChainType, transition: string) => T | undefined) {
    this.#defined = defined;
  }

  /** Grows whenever something is registered or taken back, the same again included. */
  get changes(): number {
    return this.#changes;
  }

  find(chainType: ChainType, transition: string): InForce<T> | undefined {
    const registered = (among: ReadonlyMap<string, T>) =>
      among.get(placeKey(chainType.name, transition)) ?? among.get(placeKey(chainType.name, ""));
    const local = registered(this.#local);
    if (local) return { value: local, source: "LOCAL" };
    const shared = registered(this.#shared);
    if (shared) return { value: shared, source: "SHARED" };
    const defined = this.#defined(chainType, transition);
    return defined && { value: defined, source: "DEFINITION" };
  }

  putLocal(chainType: string, transitions: readonly string[], value: T): void {
    this.#changes += 1;
    for (const transition of transitions) this.#local.set(placeKey(chainType, transition), value);
  }

  /** How many there were; `matches` spares a successor's registration. */
  removeLocal(chainType: string, transitions: readonly string[], matches: (value: T) => boolean): number {
    this.#changes += 1;
    const places = transitions.map((transition) => placeKey(chainType, transition));
    const found = places.filter((place) => {
      const value = this.#local.get(place);
      return value !== undefined && matches(value);
    });
    for (const place of found) this.#local.delete(place);
    return found.length;
  }

  replaceShared(stored: readonly StoredEndpoint<T>[]): void {
    this.#changes += 1;
    this.#shared = new Map(stored.map((row) => [placeKey(row.chainType, row.transition), row.value]));
  }
}

/** U+0000 stands in no name. */
function placeKey(chainType: string, transition: string): string {
  return `${chainType}\0${transition}`;
}

import type { ChainType } from "../domain/chain-type.ts";
import { isLocalUrl, LocalReach } from "../outbound/local-reach.ts";
import type { Registry } from "./registry.ts";

/**
 * The chain types whose chains this sidecar may take up by itself: those with `auto_execute` all of whose transitions have a
 * validator here, and whose local endpoints all answer (R23, R27). The others are left to replicas beside which they do.
 *
 * A callback after the commit is none of them: its message waits in the outbox for whoever can deliver it.
 */
export class ReachableTypes {
  readonly #registry: Registry;
  readonly #reach = new LocalReach();
  #registryChanges = -1;
  /** Local endpoints by type. */
  #types: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** By name. */
  async find(): Promise<readonly string[]> {
    this.#followRegistry();
    const types = [...this.#types];
    const answering = await this.#reach.answering(new Set(types.flatMap(([, urls]) => urls)));
    return types.filter(([, urls]) => urls.every((url) => answering.has(url))).map(([name]) => name);
  }

  /** An endpoint of the type could not be reached: it is looked at again before more of its chains are taken. */
  doubt(chainType: string): void {
    for (const url of this.#types.get(chainType) ?? []) this.#reach.doubt(url);
  }

  #followRegistry(): void {
    const { changes } = this.#registry;
    if (changes === this.#registryChanges) return;
    this.#registryChanges = changes;
    this.#reach.forget();
    this.#types = new Map(
      this.#registry.list().flatMap(({ chainType }) => {
        const urls = chainType.autoExecute && neededBy(this.#registry, chainType);
        return urls ? [[chainType.name, urls.filter(isLocalUrl)]] : [];
      }),
    );
  }
}

/** The endpoints without which a chain may be unable to go on; undefined if one is missing. */
function neededBy({ validators, callbacks }: Registry, chainType: ChainType): string[] | undefined {
  const urls = new Set<string>();
  for (const { name } of chainType.transitions) {
    const validator = validators.find(chainType, name)?.value;
    if (!validator) return undefined;
    urls.add(validator.url);
    const callback = callbacks.find(chainType, name)?.value;
    if (callback?.mode === "BEFORE_COMMIT") urls.add(callback.endpoint.url);
  }
  return [...urls];
}

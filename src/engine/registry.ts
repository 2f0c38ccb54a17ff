import type { Chain } from "../domain/chain.ts";
import {
  type Callback,
  type ChainType,
  type CurrentRevision,
  type Endpoint,
  findTransition,
  hasState,
  isFinal,
  isKnownState,
} from "../domain/chain-type.ts";
import { Refusal } from "../domain/refusal.ts";
import type { Database } from "../store/database.ts";
import { readRegistry, readRegistryVersion } from "../store/registry-store.ts";
import { EndpointsInForce } from "./endpoints-in-force.ts";

/**
 * The registry in memory, so that nothing on the hot path reads it from the database (R28). It follows the database by the
 * one number that every registration raises.
 */
export class Registry {
  readonly validators = new EndpointsInForce<Endpoint>(
    (chainType, name) => findTransition(chainType, name)?.validator ?? chainType.validator,
  );
  readonly callbacks = new EndpointsInForce<Callback>(
    (chainType, name) => findTransition(chainType, name)?.callback ?? chainType.callback,
  );
  #version = -1;
  #chainTypes: ReadonlyMap<string, CurrentRevision> = new Map();
  #looking: Promise<boolean> | undefined;
  #nextLook: Promise<boolean> | undefined;
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Grows with every change of what is registered here, so that what was derived from it is known to be old. */
  get changes(): number {
    return this.validators.changes + this.callbacks.changes;
  }

  /** The current revision that this sidecar knows. */
  find(name: string): CurrentRevision | undefined {
    return this.#chainTypes.get(name);
  }

  /** The current revision; what is not known here, or not to satisfaction, is looked up once before it is refused. */
  get(name: string, satisfies: (chainType: ChainType) => boolean = () => true): Promise<CurrentRevision> {
    return this.#lookUp(name, ({ chainType }) => satisfies(chainType));
  }

  /** As `get`, to learn what has become of the state in which the chain stands. */
  lookUpFor({ chainType, state }: Chain): Promise<CurrentRevision> {
    return this.#lookUp(chainType, (revision) => isKnownState(revision, state));
  }

  /** The current revision for a chain; refused if it neither has nor maps the state in which the chain stands (R26). */
  async getFor(chain: Chain): Promise<CurrentRevision> {
    const revision = await this.lookUpFor(chain);
    if (isKnownState(revision, chain.state)) return revision;
    throw new Refusal(
      "STATE_REMOVED",
      `Chain ${chain.id} stands in "${chain.state}", which revision ${revision.revision} of "${chain.chainType}" no longer has. ` +
        "Move it with SetChainState, or register a revision that has the state or maps it with replaced_by.",
      {
        metadata: {
          chain_id: chain.id,
          state: chain.state,
          chain_type: chain.chainType,
          revision: String(revision.revision),
        },
      },
    );
  }

  /**
   * Reads the registry again if it has changed, and tells whether it had. Callers share a look, but never one that had begun
   * before they asked: what they have just registered must be in it.
   */
  refresh(): Promise<boolean> {
    if (!this.#looking) return this.#look();
    this.#nextLook ??= this.#looking
      .catch(() => undefined)
      .then(() => {
        this.#nextLook = undefined;
        return this.#look();
      });
    return this.#nextLook;
  }

  /** Reads what has just been written; a database that goes away afterwards does not undo it, and is read again in time. */
  async refreshSoon(): Promise<void> {
    await this.refresh().catch(() => undefined);
  }

  /** A chain whose type or state is not known here is taken for one that can move. */
  isFinal(chain: Pick<Chain, "chainType" | "state">): boolean {
    const revision = this.find(chain.chainType);
    if (!revision) return false;
    const { chainType, mappedStates } = revision;
    const state = mappedStates.get(chain.state) ?? chain.state;
    return hasState(chainType, state) && isFinal(chainType, state);
  }

  /** The current revisions that lack states whose chains go to others. */
  listMapping(): CurrentRevision[] {
    return [...this.#chainTypes.values()].filter(({ mappedStates }) => mappedStates.size > 0);
  }

  /** The current revisions, by name (UTF-8 bytes). */
  list(): CurrentRevision[] {
    return [...this.#chainTypes.values()].sort((a, b) =>
      Buffer.compare(Buffer.from(a.chainType.name), Buffer.from(b.chainType.name)),
    );
  }

  async #lookUp(name: string, satisfies: (revision: CurrentRevision) => boolean): Promise<CurrentRevision> {
    const known = this.find(name);
    if (known && satisfies(known)) return known;
    await this.refresh();
    const found = this.find(name);
    if (!found) {
      throw new Refusal(
        "CHAIN_TYPE_NOT_FOUND",
        `Chain type "${name}" is not registered. Register it with RegisterChainType or in the file of DISPATCHER_CONFIG.`,
        { metadata: { chain_type: name } },
      );
    }
    return found;
  }

  #look(): Promise<boolean> {
    this.#looking = this.#readIfChanged().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #readIfChanged(): Promise<boolean> {
    const version = await readRegistryVersion(this.#database);
    if (version === this.#version) return false;
    const stored = await readRegistry(this.#database);
    this.#chainTypes = stored.chainTypes;
    this.validators.replaceShared(stored.validators);
    this.callbacks.replaceShared(stored.callbacks);
    this.#version = stored.version;
    return true;
  }
}

import type { EntityManager } from "@mikro-orm/postgresql";
import type {
  Callback,
  ChainType,
  ChainTypeRevision,
  CurrentRevision,
  Endpoint,
} from "../domain/chain-type.ts";
import { statesOf } from "../domain/chain-type.ts";
import type { Database } from "./database.ts";
import { commitUnknown, isUnavailable } from "./database-error.ts";
import { ChainTypeEntity } from "./entities/chain-type-entity.ts";
import { ChainTypeRevisionEntity } from "./entities/chain-type-revision-entity.ts";
import { CallbackEndpointEntity, ValidatorEndpointEntity } from "./entities/endpoint-entity.ts";
import { guarded } from "./guarded.ts";

/** Everything that is registered for all sidecars, as it was at one version. */
export interface StoredRegistry {
  readonly version: number;
  /** By name. */
  readonly chainTypes: ReadonlyMap<string, CurrentRevision>;
  readonly validators: readonly StoredEndpoint<Endpoint>[];
  readonly callbacks: readonly StoredEndpoint<Callback>[];
}

export interface StoredEndpoint<T> {
  readonly chainType: string;
  /** Empty: all transitions without one of their own. */
  readonly transition: string;
  readonly value: T;
}

/** Asked for all the time, also by a sidecar that has nothing to do: a plain statement takes a seventh of what the ORM takes. */
export async function readRegistryVersion(database: Database): Promise<number> {
  const sql = `select version from ${database.schema}.registry_version`;
  const [row] = await database.read<{ version: string }>(sql, []);
  return Number(row?.version);
}

/** The version is read first: what is newer than it is read again at the next look. */
export async function readRegistry(database: Database): Promise<StoredRegistry> {
  const version = await readRegistryVersion(database);
  return guarded(async () => {
    const em = database.orm.em.fork({ disableTransactions: true });
    const types = await em.findAll(ChainTypeEntity);
    const revisions = types.length
      ? await em.find(ChainTypeRevisionEntity, {
          $or: types.map(({ name, currentRevision }) => ({ chainType: name, revision: currentRevision })),
        })
      : [];
    const validators = await em.findAll(ValidatorEndpointEntity);
    const callbacks = await em.findAll(CallbackEndpointEntity);
    const revisionOf = new Map(revisions.map((row) => [row.chainType, row]));
    return {
      version,
      chainTypes: new Map(
        types.flatMap((type): [string, CurrentRevision][] => {
          const row = revisionOf.get(type.name);
          return row ? [[type.name, currentFromEntities(type, row)]] : [];
        }),
      ),
      validators: validators.map((row) => ({ ...placeOf(row), value: endpointOf(row) })),
      callbacks: callbacks.map((row) => ({
        ...placeOf(row),
        value: { endpoint: endpointOf(row), mode: row.mode },
      })),
    };
  });
}

export function readRevision(
  database: Database,
  chainType: string,
  revision: number,
): Promise<ChainTypeRevision | undefined> {
  return guarded(async () => {
    const row = await database.orm.em.fork().findOne(ChainTypeRevisionEntity, { chainType, revision });
    return row ? revisionFromEntity(row) : undefined;
  });
}

/**
 * One registration: all of it or nothing, and all replicas told (R28). Throws a Refusal COMMIT_UNKNOWN if the database went
 * away around its commit.
 */
export async function register<T>(
  database: Database,
  write: (registration: Registration) => Promise<T>,
): Promise<T> {
  let isCommitting = false;
  const registered = guarded(() =>
    database.orm.em.fork().transactional(async (em) => {
      const result = await write(new Registration(em));
      isCommitting = true;
      return result;
    }),
  );
  return registered.catch((error) =>
    Promise.reject(isCommitting && isUnavailable(error) ? commitUnknown(error) : error),
  );
}

/** The writes that one registration may make, in one transaction. */
export class Registration {
  readonly #em: EntityManager;

  constructor(em: EntityManager) {
    this.#em = em;
  }

  /** Lets one registration at a time see and change the registry; what was changed, every replica reads again. */
  async lock(): Promise<void> {
    await this.#em.execute("select version from ??.registry_version for update", [this.#schema]);
  }

  async raiseVersion(): Promise<void> {
    await this.#em.execute("update ??.registry_version set version = version + 1", [this.#schema]);
  }

  async findCurrent(name: string): Promise<CurrentRevision | undefined> {
    const type = await this.#em.findOne(ChainTypeEntity, { name });
    if (!type) return undefined;
    const place = { chainType: name, revision: type.currentRevision };
    return currentFromEntities(type, await this.#em.findOneOrFail(ChainTypeRevisionEntity, place));
  }

  /** The revision, current or not, that has this content. */
  async findByContent(name: string, contentHash: string): Promise<ChainTypeRevision | undefined> {
    const row = await this.#em.findOne(ChainTypeRevisionEntity, { chainType: name, contentHash });
    return row ? revisionFromEntity(row) : undefined;
  }

  async allRevisions(name: string): Promise<ChainTypeRevision[]> {
    return (await this.#em.find(ChainTypeRevisionEntity, { chainType: name })).map(revisionFromEntity);
  }

  countChainTypes(): Promise<number> {
    return this.#em.count(ChainTypeEntity);
  }

  /** Counted up to a most, by index. */
  async countChains(chainType: string, state: string | undefined, most: number): Promise<number> {
    const inState = state === undefined ? "" : "and state = ?";
    const [row] = await this.#em.execute<{ count: string }[]>(
      `select count(*) from (select from ??.chain where chain_type = ? ${inState} limit ?) as found`,
      [this.#schema, chainType, ...(state === undefined ? [] : [state]), most],
    );
    return Number(row?.count ?? 0);
  }

  /** Stores a revision and makes it current. Revisions are never deleted alone, so that their count is the newest's number. */
  async addRevision(
    chainType: ChainType,
    contentHash: string,
    mappedStates: CurrentRevision["mappedStates"] = new Map(),
  ): Promise<CurrentRevision> {
    const revision = 1 + (await this.#em.count(ChainTypeRevisionEntity, { chainType: chainType.name }));
    await this.#putChainType({ chainType, revision }, mappedStates);
    await this.#em.insert(ChainTypeRevisionEntity, {
      chainType: chainType.name,
      revision,
      contentHash,
      // Without absent members, which the ORM would store as null.
      definition: JSON.parse(JSON.stringify(chainType)),
    });
    const row = await this.#em.findOneOrFail(ChainTypeRevisionEntity, {
      chainType: chainType.name,
      revision,
    });
    return { ...revisionFromEntity(row), mappedStates };
  }

  async makeCurrent(
    stored: ChainTypeRevision,
    mappedStates: CurrentRevision["mappedStates"],
  ): Promise<CurrentRevision> {
    await this.#putChainType(stored, mappedStates);
    return { ...stored, mappedStates };
  }

  async deleteChainType(name: string): Promise<boolean> {
    return (await this.#em.nativeDelete(ChainTypeEntity, { name })) > 0;
  }

  /** True if something changed. */
  async putValidator(chainType: string, transition: string, { url, timeoutMs }: Endpoint): Promise<boolean> {
    const found = await this.#em.findOne(ValidatorEndpointEntity, { chainType, transition });
    if (found && found.url === url && (found.timeoutMs ?? undefined) === timeoutMs) return false;
    await this.#em.upsert(ValidatorEndpointEntity, {
      chainType,
      transition,
      url,
      timeoutMs: timeoutMs ?? null,
    });
    return true;
  }

  /** True if something changed. */
  async putCallback(chainType: string, transition: string, { endpoint, mode }: Callback): Promise<boolean> {
    const found = await this.#em.findOne(CallbackEndpointEntity, { chainType, transition });
    const { url, timeoutMs } = endpoint;
    if (found && found.url === url && (found.timeoutMs ?? undefined) === timeoutMs && found.mode === mode)
      return false;
    await this.#em.upsert(CallbackEndpointEntity, {
      chainType,
      transition,
      url,
      timeoutMs: timeoutMs ?? null,
      mode,
    });
    return true;
  }

  /** How many there were. An empty URL stands for any. */
  removeEndpoints(
    kind: "validator" | "callback",
    chainType: string,
    transitions: readonly string[],
    url: string,
  ): Promise<number> {
    const where = { chainType, transition: { $in: [...transitions] }, ...(url && { url }) };
    return kind === "validator"
      ? this.#em.nativeDelete(ValidatorEndpointEntity, where)
      : this.#em.nativeDelete(CallbackEndpointEntity, where);
  }

  async #putChainType(
    { chainType, revision }: Pick<ChainTypeRevision, "chainType" | "revision">,
    mappedStates: CurrentRevision["mappedStates"],
  ): Promise<void> {
    // Chains that were not all in line with the revision that is left may be as any one before it left them.
    await this.#em.execute(
      "update ??.chain_type set upkeep_revision = 0 where name = ? and upkeep_revision <> current_revision",
      [this.#schema, chainType.name],
    );
    await this.#em.upsert(ChainTypeEntity, {
      name: chainType.name,
      currentRevision: revision,
      states: [...statesOf(chainType), ...mappedStates.keys()],
      mappedStates: [...mappedStates],
    });
  }

  get #schema(): string {
    return this.#em.config.get("schema") ?? "";
  }
}

function revisionFromEntity(row: ChainTypeRevisionEntity): ChainTypeRevision {
  const { definition, revision, contentHash, createTime } = row;
  return { chainType: definition, revision, contentHash, createTime };
}

function currentFromEntities(
  { mappedStates }: ChainTypeEntity,
  revision: ChainTypeRevisionEntity,
): CurrentRevision {
  return { ...revisionFromEntity(revision), mappedStates: new Map(mappedStates) };
}

function placeOf({ chainType, transition }: ValidatorEndpointEntity | CallbackEndpointEntity) {
  return { chainType, transition };
}

function endpointOf({ url, timeoutMs }: ValidatorEndpointEntity | CallbackEndpointEntity): Endpoint {
  return { url, timeoutMs: timeoutMs ?? undefined };
}

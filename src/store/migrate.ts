import { Migrator } from "@mikro-orm/migrations";
import { type EntityManager, MikroORM } from "@mikro-orm/postgresql";
import { Migration0001Core } from "./migrations/migration-0001-core.ts";

/** The database is not one that this sidecar may use: trying again does not help, so the process ends. */
export class UnusableDatabase extends Error {
  override readonly name = "UnusableDatabase";
}

export interface MigrateOptions {
  readonly url: string;
  readonly schema: string;
  /** Whose chains these are; another application's schema is refused (R27). */
  readonly application: string;
  /** `never`: only check that the schema is what this version needs. */
  readonly mode: "auto" | "never";
}

/**
 * Brings the schema up to date, however many replicas start together: they queue for one lock, and all but the first find
 * nothing to do. Throws UnusableDatabase, or what the connection throws while the database is away.
 */
export async function migrate({ url, schema, application, mode }: MigrateOptions): Promise<void> {
  const orm = await MikroORM.init({
    clientUrl: url,
    schema,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    logger: () => undefined,
    extensions: [Migrator],
    migrations: {
      migrationsList: [Migration0001Core],
      tableName: `${schema}.migration`,
      snapshot: false,
      disableForeignKeys: false,
    },
    pool: { min: 0, max: 2 },
    driverOptions: { application_name: "dispatcher migration", connectionTimeoutMillis: 5_000 },
  });
  try {
    await checkIsolation(orm.em.fork());
    if (mode === "never") {
      const pending = await orm.migrator.getPending();
      if (pending.length > 0) {
        throw new UnusableDatabase(
          `Schema "${schema}" lacks ${pending.map(({ name }) => name).join(", ")} and DISPATCHER_MIGRATE is "never": ` +
            `run one sidecar of this version with DISPATCHER_MIGRATE=auto first.`,
        );
      }
    }
    const alone = (step: (em: EntityManager) => Promise<unknown>) =>
      orm.em.fork().transactional(async (em) => {
        await em.execute("select pg_advisory_xact_lock(hashtextextended(?, 0))", [`dispatcher ${schema}`]);
        await step(em);
      });
    // In a transaction of its own: the migrator makes its table over another connection, which must see the schema.
    if (mode === "auto") await alone((em) => em.execute("create schema if not exists ??", [schema]));
    await alone(async (em) => {
      const transaction = em.getTransactionContext();
      if (mode === "auto") await orm.migrator.up({ ...(transaction && { transaction }) });
      await claimForApplication(em, schema, application);
    });
  } finally {
    await orm.close(true);
  }
}

async function checkIsolation(em: EntityManager): Promise<void> {
  const [row] = await em.execute<{ isolation: string }[]>(
    "select current_setting('transaction_isolation') as isolation",
  );
  if (row?.isolation !== "read committed") {
    throw new UnusableDatabase(
      `The database's default isolation is "${row?.isolation}"; dispatcher needs "read committed": ` +
        `alter role or database set default_transaction_isolation = 'read committed'.`,
    );
  }
}

async function claimForApplication(em: EntityManager, schema: string, application: string): Promise<void> {
  await em.execute("insert into ??.application (name) values (?) on conflict do nothing", [
    schema,
    application,
  ]);
  const [row] = await em.execute<{ name: string }[]>("select name from ??.application", [schema]);
  if (row?.name !== application) {
    throw new UnusableDatabase(
      `Schema "${schema}" belongs to application "${row?.name}", not to "${application}": ` +
        `set DISPATCHER_APPLICATION or DISPATCHER_DB_SCHEMA.`,
    );
  }
}

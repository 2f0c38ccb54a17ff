import { type Migration, Migrator } from "@mikro-orm/migrations";
import { type Constructor, type EntityManager, MikroORM } from "@mikro-orm/postgresql";
import { hotStatements } from "../hot-statements.ts";
import { Migration0001Core } from "./migration-0001-core.ts";
import { Migration0002Effects } from "./migration-0002-effects.ts";
import { neededMigrations } from "./needed-migrations.ts";

const migrations: Record<(typeof neededMigrations)[number], Constructor<Migration>> = {
  "0001-core": Migration0001Core,
  "0002-effects": Migration0002Effects,
};

export interface RunMigrationsOptions {
  readonly url: string;
  readonly schema: string;
  /** Written into the schema, unless another stands there. */
  readonly application: string;
}

/**
 * Makes what the schema lacks, however many replicas start together: they queue for one lock, and all but the first find
 * nothing to do.
 */
export async function runMigrations({ url, schema, application }: RunMigrationsOptions): Promise<void> {
  const orm = await MikroORM.init({
    clientUrl: url,
    schema,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    logger: () => undefined,
    ensureDatabase: false,
    extensions: [Migrator],
    migrations: {
      migrationsList: neededMigrations.map((name) => ({ name, class: migrations[name] })),
      tableName: `${schema}.migration`,
      snapshot: false,
      disableForeignKeys: false,
    },
    pool: { min: 0, max: 2 },
    driverOptions: { application_name: "dispatcher migration", connectionTimeoutMillis: 5_000 },
  });
  const alone = (step: (em: EntityManager) => Promise<unknown>) =>
    orm.em.fork().transactional(async (em) => {
      await em.execute("select pg_advisory_xact_lock(hashtextextended(?, 0))", [`dispatcher ${schema}`]);
      await step(em);
    });
  try {
    // In a transaction of its own: the migrator makes its table over another connection, which must see the schema.
    await alone((em) => em.execute("create schema if not exists ??", [schema]));
    await alone(async (em) => {
      const transaction = em.getTransactionContext();
      await orm.migrator.up({ ...(transaction && { transaction }) });
      for (const { definitionIn } of hotStatements) await em.execute(definitionIn(`"${schema}"`));
      await em.execute("insert into ??.application (name) values (?) on conflict do nothing", [
        schema,
        application,
      ]);
    });
  } finally {
    await orm.close(true);
  }
}

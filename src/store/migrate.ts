import pg from "pg";
import { hotStatements } from "./hot-statements.ts";
import { neededMigrations } from "./migrations/needed-migrations.ts";

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
 * Brings the schema up to date. Nearly every start finds it so: the ORM's migrator, slow to load, is left alone then.
 *
 * Throws UnusableDatabase, or what the connection throws while the database is away.
 */
export async function migrate(options: MigrateOptions): Promise<void> {
  const { schema, application, mode } = options;
  const before = await readState(options);
  if (before.isolation !== "read committed") {
    throw new UnusableDatabase(
      `The database's default isolation is "${before.isolation}"; dispatcher needs "read committed": ` +
        `alter role or database set default_transaction_isolation = 'read committed'.`,
    );
  }
  if (before.missing.length > 0 && mode === "never") {
    throw new UnusableDatabase(
      `Schema "${schema}" lacks ${before.missing.join(", ")} and DISPATCHER_MIGRATE is "never": ` +
        `run one sidecar of this version with DISPATCHER_MIGRATE=auto first.`,
    );
  }
  let { owner } = before;
  if (before.missing.length > 0 || owner === undefined) {
    const { runMigrations } = await import("./migrations/run-migrations.ts");
    await runMigrations(options);
    ({ owner } = await readState(options));
  }
  if (owner !== application) {
    throw new UnusableDatabase(
      `Schema "${schema}" belongs to application "${owner}", not to "${application}": ` +
        `set DISPATCHER_APPLICATION or DISPATCHER_DB_SCHEMA.`,
    );
  }
}

/** What is told of a database and of the schema in it. */
interface State {
  readonly isolation: string | undefined;
  /** Of the migrations and functions that this version needs. */
  readonly missing: readonly string[];
  /** The application whose schema it is. */
  readonly owner: string | undefined;
}

const needed = [...neededMigrations, ...hotStatements.map(({ functionName }) => functionName)];

const UNDEFINED_TABLE = "42P01";

async function readState({ url, schema }: MigrateOptions): Promise<State> {
  const client = new pg.Client({
    connectionString: url,
    application_name: "dispatcher migration",
    connectionTimeoutMillis: 5_000,
  });
  // A connection that breaks is told by the query that it breaks.
  client.on("error", () => undefined);
  try {
    await client.connect();
    const settings = await client.query<{ isolation: string }>(
      "select current_setting('transaction_isolation') as isolation",
    );
    const [state] = await client
      .query<{ made: string[] | null; owner: string | null }>(
        `select (select array_agg(name::text) from
                   (select name from "${schema}".migration
                    union all select proname from pg_proc where pronamespace = '"${schema}"'::regnamespace) as made
                ) as made,
                (select name from "${schema}".application) as owner`,
      )
      .then(
        ({ rows }) => rows,
        (error) => (error.code === UNDEFINED_TABLE ? [] : Promise.reject(error)),
      );
    return {
      isolation: settings.rows[0]?.isolation,
      missing: needed.filter((name) => !state?.made?.includes(name)),
      owner: state?.owner ?? undefined,
    };
  } finally {
    await client.end();
  }
}

import { MikroORM } from "@mikro-orm/postgresql";
import pg from "pg";
import { AnswerLost, databaseUnavailable, isServerGone } from "./database-error.ts";
import { entities } from "./entities/entities.ts";
import { guarded } from "./guarded.ts";
import type { Statement } from "./hot-statement.ts";

export interface DatabaseOptions {
  readonly url: string;
  readonly schema: string;
  readonly poolSize: number;
  /** True where the connection goes to the server itself, not through a transaction-mode pooler. */
  readonly direct: boolean;
}

/** The ORM, and the hot statements on the ORM's own pool. */
export interface Database {
  readonly orm: MikroORM;
  /** The schema as it stands in statements, quoted. */
  readonly schema: string;
  /**
   * Runs one parameterised statement outside any transaction. One that has a name is kept prepared where the connection is
   * direct.
   *
   * Throws a Refusal DATABASE_UNAVAILABLE if it was never sent, AnswerLost if it may have been carried out.
   */
  query<Row extends pg.QueryResultRow>(sql: string | Statement, values: readonly unknown[]): Promise<Row[]>;
  /** As `query`, for a statement that writes nothing: a lost answer is only an unreachable database. */
  read<Row extends pg.QueryResultRow>(sql: string | Statement, values: readonly unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 5_000;

export async function openDatabase({ url, schema, poolSize, direct }: DatabaseOptions): Promise<Database> {
  const orm = await MikroORM.init({
    clientUrl: url,
    schema,
    entities,
    logger: () => undefined,
    // It would connect at once, while the database may be away still, and make one that is only misspelt.
    ensureDatabase: false,
    pool: { min: 0, max: poolSize },
    driverOptions: {
      application_name: "dispatcher",
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true,
      ...(direct && {
        statement_timeout: STATEMENT_TIMEOUT_MS,
        lock_timeout: 2_000,
        idle_in_transaction_session_timeout: 10_000,
      }),
    },
  });

  const pool: pg.Pool = await orm.em.getConnection().getNativeClient();

  async function query<Row extends pg.QueryResultRow>(
    sql: string | Statement,
    values: readonly unknown[],
  ): Promise<Row[]> {
    const statement = typeof sql === "string" ? { text: sql } : direct ? sql : { text: sql.text };
    const client = await pool.connect().catch((cause) => Promise.reject(databaseUnavailable(cause)));
    let broken = false;
    try {
      // The ORM's pool leaves times as text for the ORM to parse; these statements want pg's own parsers.
      const result = await client.query<Row>({ ...statement, values: [...values], types: pg.types });
      return result.rows;
    } catch (error) {
      broken = isServerGone(error);
      if (broken) throw new AnswerLost("the connection broke before the answer came", { cause: error });
      throw error;
    } finally {
      client.release(broken);
    }
  }

  return {
    orm,
    schema: `"${schema}"`,
    query,
    read: (sql, values) => guarded(() => query<never>(sql, values)),
    close: () => orm.close(true),
  };
}

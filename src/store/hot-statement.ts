import { createHash } from "node:crypto";

/** A statement as it is sent. On a direct connection it is prepared under its name, once per connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Names and types, as SQL has them. */
export type Columns = Readonly<Record<string, string>>;

export interface HotStatementParts {
  readonly name: string;
  /** What a row of the input has. A batch is one JSON array of such rows, in which anything may be left out that may be null. */
  readonly input: Columns;
  readonly output: Columns;
  /** `input` is the FROM item of the batch, which numbers its rows from 1 in the column `n`. */
  readonly text: (schema: string, input: string) => string;
  /** Carried out before it, in the same transaction: `text` sees what it did, and what others have committed by then. */
  readonly first?: (schema: string, input: string) => string;
  /**
   * Default: `once`. What has more than one index to go by is planned at `each call`, for the tables as they are; it must name
   * its input, or PostgreSQL sees nothing that could differ from call to call.
   */
  readonly planned?: "once" | "each call";
}

/**
 * A statement of the hot path. It lives in the schema as a function, so that PostgreSQL reads and plans it once for each of
 * its connections and not at each call, which costs more than carrying it out; and unlike a named statement, a function is
 * there on whichever connection a pooler gives.
 */
export interface HotStatement {
  /** Of the function. It has a hash of what the function does: each version of the sidecar calls its own. */
  readonly functionName: string;
  /** Makes the function in a schema, given quoted. */
  readonly definitionIn: (schema: string) => string;
  /** Its call, with one parameter: the batch. */
  readonly callIn: (schema: string) => Statement;
}

/**
 * A plan is kept for as long as its connection, so it must not depend on what was in the tables when it was made: on empty
 * tables a scan looks cheapest, and would stay. These leave no way but by index, row by row. What the planner expects to cost
 * much it may also compile, at a thousand times the cost of running it.
 */
const SETTINGS = [
  "enable_seqscan = off",
  "enable_bitmapscan = off",
  "enable_hashjoin = off",
  "enable_mergejoin = off",
  "jit = off",
];

const PLAN_MODES = { once: "force_generic_plan", "each call": "force_custom_plan" };

export function hotStatement(parts: HotStatementParts): HotStatement {
  const { name, input, output, text, first, planned = "once" } = parts;
  const settings = [`plan_cache_mode = ${PLAN_MODES[planned]}`, ...SETTINGS];
  const names = Object.keys(input).join(", ");
  const from = `rows from (json_to_recordset($1) as (${declared(input)})) with ordinality as i (${names}, n)`;
  const definition = (schema: string, functionName: string) => `
    create or replace function ${schema}.${functionName} (json) returns table (${declared(output)})
    language plpgsql ${settings.map((setting) => `set ${setting}`).join(" ")}
    as $function$
      #variable_conflict use_column
      begin ${first ? `${first(schema, from)}; ` : ""}return query ${text(schema, from)}; end
    $function$`;
  const hash = createHash("sha256").update(definition("", "")).digest("hex").slice(0, 8);
  const functionName = `${name}_${hash}`;
  const calls = new Map<string, Statement>();
  return {
    functionName,
    definitionIn: (schema) => definition(schema, functionName),
    callIn(schema) {
      const call = calls.get(schema) ?? {
        name: functionName,
        text: `select * from ${schema}.${functionName}($1)`,
      };
      calls.set(schema, call);
      return call;
    },
  };
}

/** A batch of rows that are JSON already. */
export function batchOf(rows: readonly string[]): string {
  return `[${rows.join(",")}]`;
}

const declared = (columns: Columns): string =>
  Object.entries(columns)
    .map(([name, type]) => `${name} ${type}`)
    .join(", ");

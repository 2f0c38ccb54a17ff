import type { Attempt, KeptAttempt } from "../domain/attempt.ts";
import { contentHash } from "../domain/content-hash.ts";
import type { RefusalReason } from "../domain/refusal.ts";
import type { Database } from "./database.ts";
import { evaluationFromStored, type StoredEvaluation } from "./event-row.ts";

/**
 * Keeps the last attempt of each chain, where the version is still the one judged and the result is another than the one
 * kept (R15). Chains must be distinct.
 */
export async function keepAttempts(database: Database, attempts: readonly Attempt[]): Promise<void> {
  await database.query(
    statement(database.schema),
    columns.map(([, , value]) => attempts.map(value)),
  );
}

export async function readAttempt(
  { read, schema }: Database,
  chainId: string,
): Promise<KeptAttempt | undefined> {
  const [row] = await read<Row>(
    `select a.version, a.revision, a.attempt_time, a.outcome, a.reason, a.requested_by, a.request_id, a.attempt_id, a.evaluations
     from ${schema}.chain_attempt a join ${schema}.chain c on c.id = a.chain_id and c.version = a.version
     where a.chain_id = $1`,
    [chainId],
  );
  return (
    row && {
      chainId,
      version: Number(row.version),
      revision: row.revision,
      result: row.reason ? { reason: row.reason } : { outcome: "NO_VALID_TRANSITION" },
      requestedBy: row.requested_by,
      requestId: row.request_id,
      attemptId: row.attempt_id,
      evaluations: row.evaluations.map(evaluationFromStored),
      holds: [],
      time: row.attempt_time,
    }
  );
}

interface Row {
  readonly version: string;
  readonly revision: number;
  readonly attempt_time: Date;
  readonly reason: RefusalReason | null;
  readonly requested_by: string;
  readonly request_id: string;
  readonly attempt_id: string;
  readonly evaluations: StoredEvaluation[];
}

/** What was found, without how long it took, when, and for whom. */
function digestOf({ result, revision, version, evaluations, holds }: Attempt): string {
  const found = evaluations.map(({ durationMs, ...rest }) => rest);
  return contentHash({ result, revision, version, found, holds });
}

const columns: readonly (readonly [string, string, (attempt: Attempt) => unknown])[] = [
  ["chain_id", "uuid", ({ chainId }) => chainId],
  ["version", "bigint", ({ version }) => version],
  ["revision", "integer", ({ revision }) => revision],
  ["outcome", "text", ({ result }) => ("outcome" in result ? result.outcome : null)],
  ["reason", "text", ({ result }) => ("reason" in result ? result.reason : null)],
  ["requested_by", "text", ({ requestedBy }) => requestedBy],
  ["request_id", "text", ({ requestId }) => requestId],
  ["attempt_id", "uuid", ({ attemptId }) => attemptId],
  ["evaluations", "text", ({ evaluations }) => JSON.stringify(evaluations)],
  ["holds", "text", ({ holds }) => JSON.stringify(holds)],
  ["digest", "text", digestOf],
];

const replaced = [
  "version",
  "revision",
  "attempt_time",
  "outcome",
  "reason",
  "requested_by",
  "request_id",
  "attempt_id",
];

const statement = (schema: string): string => `
  with input as (
    select * from unnest(${columns.map(([, type], index) => `$${index + 1}::${type}[]`).join(", ")})
      as i (${columns.map(([name]) => name).join(", ")})
  )
  insert into ${schema}.chain_attempt as a (chain_id, version, revision, attempt_time, outcome, reason, requested_by,
    request_id, attempt_id, evaluations, holds, digest)
  select i.chain_id, i.version, i.revision, clock_timestamp(), i.outcome, i.reason, i.requested_by, i.request_id,
    i.attempt_id, i.evaluations::json, i.holds::json, i.digest
  from input i join ${schema}.chain c on c.id = i.chain_id and c.version = i.version
  order by i.chain_id
  on conflict (chain_id) do update set
    ${[...replaced, "evaluations", "holds", "digest"].map((column) => `${column} = excluded.${column}`).join(", ")}
  where a.digest <> excluded.digest`;

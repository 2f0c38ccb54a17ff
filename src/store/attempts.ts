import type { Attempt } from "../domain/attempt.ts";
import { contentHash } from "../domain/content-hash.ts";
import type { RefusalReason } from "../domain/refusal.ts";
import type { Database } from "./database.ts";
import { evaluationFromStored, type StoredEvaluation } from "./event-row.ts";
import { batchOf, hotStatement } from "./hot-statement.ts";

/**
 * Keeps the last attempt of each chain, where the version is still the one judged (R15). Chains must be distinct.
 *
 * One that was written behind may come late: it takes the place of none that ended after it, and of no hold, which another
 * sidecar may have written meanwhile (R22). A result that is kept already is not written again.
 */
export async function keepAttempts(
  database: Database,
  attempts: readonly Attempt[],
  written: keyof typeof rules,
): Promise<void> {
  await database.query(keepAttemptsStatements[written].callIn(database.schema), [
    batchOf(attempts.map((attempt) => JSON.stringify(rowOf(attempt)))),
  ]);
}

export async function readAttempt({ read, schema }: Database, chainId: string): Promise<Attempt | undefined> {
  const [row] = await read<Row>(
    `select a.version, a.revision, a.attempt_time, a.outcome, a.reason, a.requested_by, a.request_id, a.attempt_id, a.evaluations,
            a.no_valid_count, a.error_count
     from ${schema}.chain_attempt a join ${schema}.chain c on c.id = a.chain_id and c.version = a.version
     where a.chain_id = $1`,
    [chainId],
  );
  return (
    row && {
      chainId,
      version: Number(row.version),
      revision: row.revision,
      result: row.reason ? { reason: row.reason } : { outcome: row.outcome ?? "NO_VALID_TRANSITION" },
      requestedBy: row.requested_by,
      requestId: row.request_id,
      attemptId: row.attempt_id,
      evaluations: row.evaluations.map(evaluationFromStored),
      holds: [],
      noValidCount: row.no_valid_count,
      errorCount: row.error_count,
      time: row.attempt_time,
    }
  );
}

interface Row {
  readonly version: string;
  readonly revision: number;
  readonly attempt_time: Date;
  readonly outcome: "NO_VALID_TRANSITION" | "CALLBACK_FAILED" | null;
  readonly reason: RefusalReason | null;
  readonly requested_by: string;
  readonly request_id: string;
  readonly attempt_id: string;
  readonly evaluations: StoredEvaluation[];
  readonly no_valid_count: number;
  readonly error_count: number;
}

/** What was found, without how long it took, when, and for whom. */
function digestOf({ result, revision, version, evaluations, holds }: Attempt): string {
  const found = evaluations.map(({ durationMs, ...rest }) => rest);
  return contentHash({ result, revision, version, found, holds });
}

const input = {
  chain_id: "uuid",
  version: "bigint",
  revision: "integer",
  outcome: "text",
  reason: "text",
  requested_by: "text",
  request_id: "text",
  attempt_id: "uuid",
  evaluations: "json",
  holds: "json",
  attempt_time: "timestamptz",
  digest: "text",
  no_valid_count: "integer",
  error_count: "integer",
  wake_time: "timestamptz",
};

function rowOf(attempt: Attempt): Record<keyof typeof input, unknown> {
  const { result } = attempt;
  return {
    chain_id: attempt.chainId,
    version: attempt.version,
    revision: attempt.revision,
    outcome: "outcome" in result ? result.outcome : undefined,
    reason: "reason" in result ? result.reason : undefined,
    requested_by: attempt.requestedBy,
    request_id: attempt.requestId,
    attempt_id: attempt.attemptId,
    evaluations: attempt.evaluations,
    holds: attempt.holds,
    attempt_time: attempt.time,
    digest: digestOf(attempt),
    no_valid_count: attempt.noValidCount,
    error_count: attempt.errorCount,
    wake_time: attempt.wakeTime,
  };
}

const columns = Object.keys(input).filter((name) => name !== "wake_time");
const replaced = columns.filter((name) => name !== "chain_id" && name !== "holds");

/** How a conflict with the attempt that is kept already goes. */
const rules = {
  "at once": { holds: "excluded.holds", where: "a.version <= excluded.version" },
  behind: {
    holds:
      "case when a.version = excluded.version and a.revision = excluded.revision then a.holds else excluded.holds end",
    where: `a.digest <> excluded.digest
      and (a.version < excluded.version or a.version = excluded.version and a.attempt_time <= excluded.attempt_time)`,
  },
};

// A chain that somebody has locked is being written, or looked at, by them: its wake-up is theirs to set.
const statementFor = (written: keyof typeof rules) =>
  hotStatement({
    name: `keep_attempts_${written.replace(" ", "_")}`,
    input,
    output: { chain_id: "uuid" },
    text: (schema, from) => `
  with input as materialized (select * from ${from}),
  held as materialized (
    select k.id from input i join ${schema}.chain k on k.id = i.chain_id
    where i.wake_time is not null order by k.id for no key update of k skip locked
  ),
  woken as (
    update ${schema}.chain c set wake_time = greatest(i.wake_time, c.next_update_time, c.claim_expiry)
    from held h join input i on i.chain_id = h.id
    where c.id = h.id and c.version = i.version and not c.disabled
  )
  insert into ${schema}.chain_attempt as a (${columns.join(", ")})
  select ${columns.map((name) => `i.${name}`).join(", ")}
  from input i join ${schema}.chain c on c.id = i.chain_id and c.version = i.version
  order by i.chain_id
  on conflict (chain_id) do update set
    ${replaced.map((column) => `${column} = excluded.${column}`).join(", ")},
    holds = ${rules[written].holds}
  where ${rules[written].where}
  returning a.chain_id`,
  });

export const keepAttemptsStatements = {
  "at once": statementFor("at once"),
  behind: statementFor("behind"),
};

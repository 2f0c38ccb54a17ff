import type { Database } from "./database.ts";
import { batchOf, hotStatement } from "./hot-statement.ts";
import type { TakenDelivery } from "./take-deliveries.ts";

/** What an attempt came to. */
export type AttemptEnd =
  | { readonly kind: "delivered" }
  /** Another attempt is made after so long, unless its time has passed: then it is dead. */
  | { readonly kind: "failed"; readonly retryAfterMs: number; readonly error: string }
  /** Nothing was sent: it does not count as an attempt, and whoever can may take the message at once. */
  | { readonly kind: "released"; readonly error?: string | undefined };

export interface EndedDelivery {
  readonly delivery: TakenDelivery;
  readonly end: AttemptEnd;
}

export type FinishResult =
  | {
      readonly kind: "finished";
      readonly state: "PENDING" | "DELIVERED" | "DEAD";
      /** Another message of the chain may be taken now. */
      readonly hasNext: boolean;
    }
  /** The lease had ended, and somebody else has taken the message. */
  | { readonly kind: "late" };

/** For how long after its move a message is tried; after that, a failed attempt is the last. */
const RETRIED_FOR = "interval '3 days'";

/**
 * Ends attempts, each only by the lease under which it was made, and lets the next message of the chain be taken. To be told
 * the same once more changes nothing that matters.
 */
export async function finishDeliveries(
  { query, schema }: Database,
  ended: readonly EndedDelivery[],
): Promise<FinishResult[]> {
  const rows = await query<{ n: string; state: "PENDING" | "DELIVERED" | "DEAD"; has_next: boolean }>(
    finishDeliveriesStatement.callIn(schema),
    [batchOf(ended.map((one) => JSON.stringify(rowOf(one))))],
  );
  const results: FinishResult[] = ended.map(() => ({ kind: "late" }));
  for (const { n, state, has_next } of rows) {
    results[Number(n) - 1] = { kind: "finished", state, hasNext: has_next };
  }
  return results;
}

const input = {
  chain_id: "uuid",
  version: "bigint",
  lease_id: "uuid",
  attempts: "integer",
  kind: "text",
  retry_after_ms: "double precision",
  error: "text",
};

function rowOf({ delivery, end }: EndedDelivery): Record<keyof typeof input, unknown> {
  return {
    chain_id: delivery.chainId,
    version: delivery.version,
    lease_id: delivery.leaseId,
    attempts: end.kind === "released" ? delivery.attempts - 1 : delivery.attempts,
    kind: end.kind,
    retry_after_ms: end.kind === "failed" ? end.retryAfterMs : 0,
    error: end.kind === "delivered" ? undefined : end.error,
  };
}

// That a row is pending is asked by its next time here, and why is said in take-deliveries.ts.
const first = (schema: string, from: string) => `
  with held as materialized (
    select i.*, case
      when i.kind = 'delivered' then 'DELIVERED'
      when i.kind = 'failed' and coalesce(m.redrive_time, m.create_time) + ${RETRIED_FOR} <= clock_timestamp() then 'DEAD'
      else 'PENDING' end as state_after
    from ${from}
    join ${schema}.outbox_message m on m.chain_id = i.chain_id and m.version = i.version
    where m.lease_id = i.lease_id and m.next_attempt_time is not null
    for no key update of m
  )
  update ${schema}.outbox_message m set state = h.state_after, attempts = h.attempts,
    next_attempt_time = case when h.state_after = 'PENDING'
      then clock_timestamp() + h.retry_after_ms * interval '1 millisecond' end,
    last_error = coalesce(h.error, m.last_error)
  from held h where m.chain_id = h.chain_id and m.version = h.version`;

// In a statement of its own, so that it sees every message that was parked behind one of these until they were held
// (take-deliveries.ts). Whatever was attempted before has a time of its own and is left to it.
const text = (schema: string, from: string) => `
  with finished as materialized (
    select i.n, m.chain_id, m.version, m.state
    from ${from}
    join ${schema}.outbox_message m on m.chain_id = i.chain_id and m.version = i.version
    where m.lease_id = i.lease_id
  ),
  next as materialized (
    select f.n, f.chain_id, m.version
    from finished f
    cross join lateral (
      select o.version from ${schema}.outbox_message o
      where o.chain_id = f.chain_id and o.version > f.version and o.state = 'PENDING'
      order by o.version limit 1
    ) m
    where f.state <> 'PENDING'
  ),
  woken as (
    update ${schema}.outbox_message m set next_attempt_time = clock_timestamp()
    from next x
    where m.chain_id = x.chain_id and m.version = x.version
      and m.lease_id is null and m.next_attempt_time > clock_timestamp()
  )
  select f.n, f.state, x.n is not null as has_next from finished f left join next x using (n)`;

const output = { n: "bigint", state: "text", has_next: "boolean" };

export const finishDeliveriesStatement = hotStatement({
  name: "finish_deliveries",
  input,
  output,
  first,
  text,
});

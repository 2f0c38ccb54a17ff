import { LEASE_MS } from "../domain/execute-limits.ts";
import type { Database } from "./database.ts";
import { guarded } from "./guarded.ts";
import { batchOf, hotStatement } from "./hot-statement.ts";

export interface DueChain {
  readonly id: string;
  readonly chainType: string;
  /** So long after its wake-up it was taken, by the database's clock. */
  readonly lateMs: number;
}

export interface TakenDue {
  /** The earliest first. */
  readonly chains: readonly DueChain[];
  /** How long until there is something to take again, as far as is known: 0 if perhaps at once, unset if nothing sleeps. */
  readonly nextInMs?: number | undefined;
  /** What was due before has been taken, but for what is written or let go of late. */
  readonly takenUntil: Date;
}

export interface TakeDueOptions {
  readonly chainTypes: readonly string[];
  readonly most: number;
  /**
   * What was due before is not looked for. A look for all that is due passes by all that ever was, until PostgreSQL has
   * cleaned up after them, which a long transaction anywhere in the server may keep it from.
   */
  readonly after?: Date | undefined;
}

/**
 * Takes up to so many of the due chains of these types, so that no other sidecar takes them for LEASE_MS: a lease, no claim
 * and no version, so that whoever wants executes them all the same, and a crash costs no more than the lease (R23). One that
 * is not to be executed yet, whatever woke it, or that is claimed, is not taken: it sleeps until then.
 *
 * Throws a Refusal DATABASE_UNAVAILABLE, also where the answer was lost: what was taken then costs the lease as well.
 */
export async function takeDue(
  database: Database,
  { chainTypes, most, after }: TakeDueOptions,
): Promise<TakenDue> {
  if (chainTypes.length === 0) return { chains: [], takenUntil: after ?? new Date(0) };
  const asked = batchOf(chainTypes.map((chain_type) => JSON.stringify({ chain_type, most, after })));
  const rows = await guarded(() => database.query<Row>(takeDueStatement.callIn(database.schema), [asked]));
  const chains = rows.flatMap(({ id, chain_type, late_ms, is_taken }) =>
    id !== null && is_taken ? [{ id, chainType: chain_type, lateMs: late_ms }] : [],
  );
  const [{ next_in_ms, taken_until }] = rows as [Row];
  return { chains, nextInMs: next_in_ms ?? undefined, takenUntil: taken_until };
}

interface Row {
  readonly id: string | null;
  readonly chain_type: string;
  readonly late_ms: number;
  readonly is_taken: boolean | null;
  readonly next_in_ms: number | null;
  readonly taken_until: Date;
}

/** Chains that others have locked, so many at the most, do not hide those that are due after them. */
const MOST_LOCKED = 256;

// The time stands in a row: no index is searched for what clock_timestamp() says, since that may change meanwhile, and the
// due ones would be picked out of all that sleep. Locked is only what is taken, whatever else was found.
export const takeDueStatement = hotStatement({
  name: "take_due",
  input: { chain_type: "text", most: "integer", after: "timestamptz" },
  output: {
    id: "uuid",
    chain_type: "text",
    late_ms: "double precision",
    is_taken: "boolean",
    next_in_ms: "double precision",
    taken_until: "timestamptz",
  },
  text: (schema, from) => `
  with asked as materialized (select i.chain_type, i.most, coalesce(i.after, '-infinity') as after, now from ${from}, clock_timestamp() as now),
  found as materialized (
    select d.id, d.wake_time
    from asked a cross join lateral (
      select c.id, c.wake_time from ${schema}.chain c
      where c.chain_type = a.chain_type and c.wake_time > a.after and c.wake_time <= a.now
      order by c.wake_time limit a.most + ${MOST_LOCKED}
    ) d
    order by d.wake_time limit (select max(most) from asked) + ${MOST_LOCKED}
  ),
  held as materialized (
    select k.id, k.wake_time, clock_timestamp() as now, greatest(
      case when k.next_update_time > clock_timestamp() then k.next_update_time end,
      case when k.claim_expiry > clock_timestamp() then k.claim_expiry end) as sleeps_until
    from found f join ${schema}.chain k on k.id = f.id
    where k.wake_time <= clock_timestamp()
    order by f.wake_time limit (select max(most) from asked)
    for no key update of k skip locked
  ),
  taken as (
    update ${schema}.chain c
    set wake_time = coalesce(h.sleeps_until, clock_timestamp() + interval '${LEASE_MS} milliseconds')
    from held h where c.id = h.id
    returning c.id, c.chain_type, h.wake_time, h.now, h.sleeps_until
  ),
  look as materialized (
    select (select count(*) from held) >= max(a.most) as is_full, max(a.now) as now,
      (select max(h.wake_time) from held h) as last_wake_time
    from asked a
  )
  select t.id, t.chain_type, extract(epoch from t.now - t.wake_time)::double precision * 1000, t.sleeps_until is null,
    case when l.is_full then 0 else (
      select extract(epoch from min(s.wake_time) - l.now)::double precision * 1000
      from asked a cross join lateral (
        select c.wake_time from ${schema}.chain c
        where c.chain_type = a.chain_type and c.wake_time > a.now
        order by c.wake_time limit 1
      ) s
    ) end,
    case when l.is_full then l.last_wake_time else l.now end - interval '1 second'
  from look l left join taken t on true
  order by t.wake_time`,
});

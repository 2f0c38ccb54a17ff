import type { Database } from "./database.ts";
import type { OccupiedState } from "./occupied-states.ts";

/** The last chain of a page; with the time by which its list goes, as PostgreSQL writes it, where it goes by time. */
export interface StuckPlace {
  readonly time: string;
  readonly id: string;
}

/** From its beginning. */
export const START: StuckPlace = { time: "-infinity", id: "00000000-0000-0000-0000-000000000000" };

/** A due chain that so long nobody has taken will not be taken. */
const OVERDUE = "interval '5 minutes'";

/** A claim may expire because a process died; three of one step, because of the step. */
const MOST_EXPIRED_CLAIMS = 3;

/** What is counted of one chain: a page must not read a year of notes. */
const MOST_COUNTED = 1000;

/** Chains in a state, by id; on request without those that are disabled. */
export async function chainsInState(
  { read, schema }: Database,
  { chainType, state, enabledOnly }: OccupiedState & { readonly enabledOnly: boolean },
  after: StuckPlace,
  limit: number,
): Promise<StuckPlace[]> {
  const rows = await read<{ id: string }>(
    `select id from ${schema}.chain
     where chain_type = $1 and state = $2 and id > $3::uuid ${enabledOnly ? "and not disabled" : ""}
     order by id limit $4`,
    [chainType, state, after.id, limit],
  );
  return rows.map(({ id }) => ({ time: START.time, id }));
}

export interface ExpiringClaims extends StuckPlace {
  /** Of claims that have expired since the chain last moved; counted up to 1000. */
  readonly count: number;
}

/**
 * Claimed chains whose claims have expired again and again since their last move, by the end of the present claim. A chain of
 * which nobody has taken a claim since the last one was cleared away is not among them.
 */
export async function chainsWithExpiringClaims(
  { read, schema }: Database,
  chainType: string | undefined,
  after: StuckPlace,
  limit: number,
): Promise<ExpiringClaims[]> {
  const rows = await read<{ id: string; time: string; count: string }>(
    `select c.id, c.claim_expiry::text as time, expired.count
     from ${schema}.chain c cross join lateral (
       select count(*) from (
         select from ${schema}.chain_event e
         where e.chain_id = c.id and e.version = c.version and not e.is_move and e.kind = 'CLAIM_EXPIRED'
         limit ${MOST_COUNTED}
       ) notes
     ) expired
     where c.claim_id is not null and c.claim_expiry >= $2::timestamptz
       and (c.claim_expiry, c.id) > ($2::timestamptz, $3::uuid)
       and ($1::text is null or c.chain_type = $1)
       and expired.count >= ${MOST_EXPIRED_CLAIMS}
     order by c.claim_expiry, c.id limit $4`,
    [chainType ?? null, after.time, after.id, limit],
  );
  return rows.map(({ id, time, count }) => ({ id, time, count: Number(count) }));
}

export interface DeadDelivery extends StuckPlace {
  readonly version: number;
  readonly transition: string;
  readonly attempts: number;
  readonly lastError: string;
}

/** Chains with the first of their dead deliveries, by when it was written. */
export async function chainsWithDeadDelivery(
  { read, schema }: Database,
  chainType: string | undefined,
  after: StuckPlace,
  limit: number,
): Promise<DeadDelivery[]> {
  // Each is looked up row by row: as joins, tables without statistics might be read whole.
  const rows = await read<{
    id: string;
    time: string;
    version: string;
    transition: string;
    attempts: number;
    last_error: string;
  }>(
    `select m.chain_id as id, m.create_time::text as time, m.version, m.transition, m.attempts, m.last_error
     from ${schema}.outbox_message m
     where m.state = 'DEAD' and m.create_time >= $2::timestamptz
       and (m.create_time, m.chain_id) > ($2::timestamptz, $3::uuid)
       and ($1::text is null or m.chain_type = $1)
       and (select d.version from ${schema}.outbox_message d
            where d.chain_id = m.chain_id and d.version < m.version and d.state = 'DEAD' limit 1) is null
       and (select c.id from ${schema}.chain c where c.id = m.chain_id) is not null
     order by m.create_time, m.chain_id limit $4`,
    [chainType ?? null, after.time, after.id, limit],
  );
  return rows.map(({ last_error, version, ...row }) => ({
    ...row,
    version: Number(version),
    lastError: last_error,
  }));
}

/** Which of these types have a chain that is overdue. */
export async function typesWithOverdueChains(
  { read, schema }: Database,
  chainTypes: readonly string[],
): Promise<string[]> {
  const rows = await read<{ chain_type: string }>(
    `select t.chain_type from unnest($1::text[]) t (chain_type)
     where (select c.id from ${schema}.chain c
            where c.chain_type = t.chain_type and c.wake_time <= now() - ${OVERDUE} limit 1) is not null`,
    [chainTypes],
  );
  return rows.map(({ chain_type }) => chain_type);
}

/** Chains of a type that a sidecar should have gone on with by itself, the longest due first. */
export async function overdueChains(
  { read, schema }: Database,
  chainType: string,
  after: StuckPlace,
  limit: number,
): Promise<StuckPlace[]> {
  return read<{ id: string; time: string }>(
    `select id, wake_time::text as time from ${schema}.chain
     where chain_type = $1 and wake_time <= now() - ${OVERDUE} and wake_time >= $2::timestamptz
       and (wake_time, id) > ($2::timestamptz, $3::uuid)
     order by wake_time, id limit $4`,
    [chainType, after.time, after.id, limit],
  );
}

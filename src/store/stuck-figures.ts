import type { Database } from "./database.ts";

const MOST_COUNTED = 10_000;

/** Claims that have expired and that nobody has cleared away yet by writing their chains; counted up to 10,000. */
export async function countExpiredClaims({ read, schema }: Database): Promise<number> {
  const [row] = await read<{ count: string }>(
    `select count(*) from (
       select from ${schema}.chain where claim_id is not null and claim_expiry <= now()
       order by claim_expiry limit ${MOST_COUNTED}
     ) expired`,
    [],
  );
  return Number(row?.count);
}

/** For how many seconds the oldest chain of these types has been due without a sidecar taking it; 0 if there is none. */
export async function oldestDueSeconds(
  { read, schema }: Database,
  chainTypes: readonly string[],
): Promise<number> {
  const [row] = await read<{ seconds: number }>(
    `select coalesce(extract(epoch from now() - min(oldest.wake_time)), 0)::double precision as seconds
     from unnest($1::text[]) t (chain_type) cross join lateral (
       select c.wake_time from ${schema}.chain c where c.chain_type = t.chain_type and c.wake_time <= now()
       order by c.wake_time limit 1
     ) oldest`,
    [chainTypes],
  );
  return row?.seconds ?? 0;
}

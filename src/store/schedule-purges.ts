import type { Database } from "./database.ts";
import type { RetentionRule } from "./purge-chains.ts";

export interface ScheduledPurges {
  /** Where the next page begins; undefined on the last one. */
  readonly next?: string | undefined;
  /** Chains that are purged sooner now. */
  readonly scheduled: number;
  /** Chains that somebody else had locked. */
  readonly missed: number;
}

/** Before every chain. */
export const FIRST_ID = "00000000-0000-0000-0000-000000000000";

const PAGE_SIZE = 500;

/**
 * Gives a page of chains that were final before their rule was registered the time at which it applies to them, reckoned from
 * when they became final. Doing it again changes nothing; a chain that is due sooner than the rule says stays so, and is
 * put right when it is taken.
 */
export async function schedulePurges(
  { query, schema }: Database,
  { chainType, state, deleteEventsAfterMs, forgetAfterMs }: RetentionRule,
  afterId: string,
): Promise<ScheduledPurges> {
  const [row] = await query<{ last_id: string | null; size: number; late: number; scheduled: number }>(
    `with page as materialized (
       select id, purge_time, update_time + case when pruned_version < version
           then least($4::double precision, $5::double precision) else $5::double precision
         end * interval '1 millisecond' as rule_time
       from ${schema}.chain where chain_type = $1 and state = $2 and id > $3::uuid
       order by id limit $6::integer
     ),
     late as materialized (
       select id, rule_time from page where purge_time > rule_time or purge_time is null and rule_time is not null
     ),
     held as materialized (
       select id from ${schema}.chain where id = any(array(select id from late)) for no key update skip locked
     ),
     scheduled as (
       update ${schema}.chain c set purge_time = l.rule_time from held h join late l using (id)
       -- Read again under the lock: it may have moved since.
       where c.id = h.id and c.state = $2 and (c.purge_time is null or c.purge_time > l.rule_time)
       returning c.id
     )
     select (select id from page order by id desc limit 1) as last_id,
       (select count(*) from page)::integer as size,
       (select count(*) from late where id not in (select id from held))::integer as late,
       (select count(*) from scheduled)::integer as scheduled`,
    [chainType, state, afterId, deleteEventsAfterMs ?? null, forgetAfterMs ?? null, PAGE_SIZE],
  );
  if (!row) throw new Error("the schedule gave no counts");
  const next = row.size === PAGE_SIZE && row.last_id !== null ? row.last_id : undefined;
  return { next, scheduled: row.scheduled, missed: row.late };
}

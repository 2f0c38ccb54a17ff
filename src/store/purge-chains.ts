import type { Database } from "./database.ts";

/** What retention says of the chains of one type in one final state. One of the times at least is set. */
export interface RetentionRule {
  readonly chainType: string;
  readonly state: string;
  /** So long after it became final, a chain's events go. */
  readonly deleteEventsAfterMs?: number | undefined;
  /** So long after it became final, the chain itself goes. */
  readonly forgetAfterMs?: number | undefined;
}

/** What one statement did. */
export interface Purged {
  /** Chains whose events have all gone, and which stay as tombstones. */
  readonly pruned: number;
  /** Chains that have gone themselves. */
  readonly forgotten: number;
  /** Chains that something still keeps, and that are looked at again later. */
  readonly heldBack: number;
  readonly events: number;
  readonly messages: number;
  /** There may be more to do at once. */
  readonly isMore: boolean;
}

const MOST_CHAINS = 200;
const MOST_EVENTS_OF_A_CHAIN = 100;

/**
 * Deletes what retention has due of final chains: their events with the delivered messages, and where they are to be forgotten,
 * then the chains themselves. The rules in force now count, whatever counted when a chain became final: a chain without any
 * is left alone.
 *
 * Kept back is a chain with a delivery that is pending or dead, with a living claim, or with an event that has no place in the stream yet, of
 * which no cursor could tell that it has gone. A chain that somebody else has locked is for the next time; one that has moved is not due any more.
 * Short, and safe to run on any number of sidecars at once.
 */
export async function purgeChains(database: Database, rules: readonly RetentionRule[]): Promise<Purged> {
  const rows = rules.map((rule) => ({
    chain_type: rule.chainType,
    state: rule.state,
    delete_events_after_ms: rule.deleteEventsAfterMs,
    forget_after_ms: rule.forgetAfterMs,
  }));
  const [counts] = await database.query<Counts>(statement(database.schema), [
    JSON.stringify(rows),
    MOST_CHAINS,
    MOST_EVENTS_OF_A_CHAIN,
  ]);
  if (!counts) throw new Error("the purge gave no counts");
  const { taken, unfinished, ...purged } = counts;
  return { ...purged, isMore: taken === MOST_CHAINS || unfinished > 0 };
}

interface Counts extends Omit<Purged, "isMore"> {
  readonly taken: number;
  readonly unfinished: number;
}

// By now() and not clock_timestamp(), by which no index can be searched; nothing here waits for a lock. Events go in the order
// of the history, so that one statement need not delete all of a long one: `pruned_version` says how far it has come. They are
// deleted by an array of ids, which the planner never turns into a scan of the whole table.
const statement = (schema: string): string => `
  with rule as materialized (
    select * from json_to_recordset($1::json) as r (chain_type text, state text,
      delete_events_after_ms double precision, forget_after_ms double precision)
  ),
  held as materialized (
    select id, chain_type, state, version, update_time, coalesce(claim_expiry > now(), false) as is_claimed
    from ${schema}.chain where purge_time <= now()
    order by purge_time limit $2::integer
    for no key update skip locked
  ),
  judged as materialized (
    select h.id, h.version, r.state is null as is_unruled,
      h.update_time + least(r.delete_events_after_ms, r.forget_after_ms) * interval '1 millisecond' as prune_time,
      h.update_time + r.forget_after_ms * interval '1 millisecond' as forget_time,
      h.is_claimed
        or exists (select from ${schema}.outbox_message m where m.chain_id = h.id and m.state <> 'DELIVERED')
        or exists (select from ${schema}.chain_event e where e.chain_id = h.id and e.position is null) as is_held_back
    from held h left join rule r on r.chain_type = h.chain_type and r.state = h.state
  ),
  deleted as (
    delete from ${schema}.chain_event where id = any(array(
      select e.id from judged j cross join lateral (
        select id from ${schema}.chain_event where chain_id = j.id
        order by version, is_move desc, id limit $3::integer
      ) e
      where j.prune_time <= now() and not j.is_held_back
    ))
    returning chain_id, version, is_move, position
  ),
  progress as materialized (
    select j.id, j.version, j.prune_time, j.forget_time, d.last_version,
      case
        when j.is_unruled then 'unruled'
        when j.prune_time > now() then 'early'
        when j.is_held_back then 'held back'
        when d.events = $3::integer then 'unfinished'
        when j.forget_time <= now() then 'forgotten'
        else 'pruned'
      end as outcome
    from judged j left join (
      select chain_id, count(*) as events, max(version) filter (where is_move) as last_version
      from deleted group by chain_id
    ) d on d.chain_id = j.id
  ),
  messages_deleted as (
    delete from ${schema}.outbox_message m using progress p
    where m.chain_id = p.id and m.state = 'DELIVERED'
      and (p.outcome in ('pruned', 'forgotten') or p.outcome = 'unfinished' and m.version <= p.last_version)
    returning m.chain_id
  ),
  attempts_deleted as (
    delete from ${schema}.chain_attempt a using progress p where a.chain_id = p.id and p.outcome = 'pruned'
  ),
  kept as (
    update ${schema}.chain c set
      purge_time = case p.outcome
        when 'early' then p.prune_time
        when 'held back' then now() + interval '1 hour'
        when 'unfinished' then c.purge_time
        when 'pruned' then p.forget_time
      end,
      pruned_version = case p.outcome
        when 'pruned' then p.version
        when 'unfinished' then greatest(c.pruned_version, p.last_version)
        else c.pruned_version
      end
    from progress p where c.id = p.id and p.outcome <> 'forgotten'
  ),
  forgotten as (
    delete from ${schema}.chain c using progress p where c.id = p.id and p.outcome = 'forgotten'
  ),
  cursors_expired as (
    update ${schema}.event_head h set pruned_position = d.position
    from (select max(position) as position from deleted) d where h.pruned_position < d.position
  )
  select count(*)::integer as taken,
    count(*) filter (where outcome = 'unfinished')::integer as unfinished,
    count(*) filter (where outcome = 'pruned')::integer as pruned,
    count(*) filter (where outcome = 'forgotten')::integer as forgotten,
    count(*) filter (where outcome = 'held back')::integer as "heldBack",
    (select count(*) from deleted)::integer as events,
    (select count(*) from messages_deleted)::integer as messages
  from progress`;

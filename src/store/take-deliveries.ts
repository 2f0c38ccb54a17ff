import type { Database } from "./database.ts";
import { batchOf, hotStatement } from "./hot-statement.ts";

/** Messages of one transition that may be taken, and where they are to be sent. */
export interface Takeable {
  readonly chainType: string;
  readonly transition: string;
  readonly endpoint: string;
  /** Longer than an attempt takes. */
  readonly leaseMs: number;
  /** All of one destination share its slots: they have the same number here, and the same `most`. */
  readonly destination: number;
  /** At most so many are taken for the destination; at least 1. */
  readonly most: number;
}

/** A message with the right, until its lease ends, to make one attempt. */
export interface TakenDelivery {
  readonly chainId: string;
  readonly version: number;
  readonly leaseId: string;
  readonly fencingToken: number;
  readonly body: Uint8Array;
  /** How many attempts this makes for the message. */
  readonly attempts: number;
}

/** What was found of one Takeable. */
export interface Taken {
  readonly deliveries: readonly TakenDelivery[];
  /** Due messages that turned out to wait for an earlier one of their chain. */
  readonly parked: number;
  /** More was due than was taken or parked; another take may find it. */
  readonly hasMore: boolean;
}

/**
 * Takes messages that are due, each the first of its chain that is pending (R17), for one attempt; results go by the index of
 * the Takeable. Two callers never get the same message before its lease has ended.
 */
export async function takeDeliveries(
  { query, schema }: Database,
  takeable: readonly Takeable[],
  leaseId: string,
): Promise<Taken[]> {
  const rows = await query<Row>(takeDeliveriesStatement.callIn(schema), [
    batchOf(takeable.map((place) => JSON.stringify(rowOf(place, leaseId)))),
  ]);
  const found = Map.groupBy(rows, ({ n }) => Number(n) - 1);
  return takeable.map((_, index) => takenFrom(found.get(index) ?? [], leaseId));
}

function takenFrom(rows: readonly Row[], leaseId: string): Taken {
  const [first] = rows;
  return {
    deliveries: rows.flatMap(({ chain_id, version, fencing_token, body, attempts }) =>
      chain_id === null
        ? []
        : [
            {
              chainId: chain_id,
              version: Number(version),
              leaseId,
              fencingToken: Number(fencing_token),
              body,
              attempts,
            },
          ],
    ),
    parked: Number(first?.parked ?? 0),
    hasMore: first?.has_more ?? false,
  };
}

interface Row {
  readonly n: string;
  readonly parked: string;
  readonly has_more: boolean;
  readonly chain_id: string | null;
  readonly version: string;
  readonly fencing_token: string;
  readonly body: Buffer;
  readonly attempts: number;
}

const input = {
  chain_type: "text",
  transition: "text",
  endpoint: "text",
  lease_id: "uuid",
  lease_ms: "double precision",
  destination: "integer",
  most: "integer",
};

function rowOf(takeable: Takeable, leaseId: string): Record<keyof typeof input, unknown> {
  return {
    chain_type: takeable.chainType,
    transition: takeable.transition,
    endpoint: takeable.endpoint,
    lease_id: leaseId,
    lease_ms: takeable.leaseMs,
    destination: takeable.destination,
    most: takeable.most,
  };
}

/** So many due messages are looked at, of which some may turn out to wait for an earlier one of their chain. */
const LOOKED_AT = "2 * i.most + 8";

/**
 * A parked message is woken by whoever finishes the one before it (finish-deliveries.ts); the time is there only because a
 * pending message has one.
 */
const PARKED_FOR = "interval '1 hour'";

/** A row that the statement has changed already, it can no longer lock: so it locks all that it has to before it changes any. */
const ALL_HELD = "(select count(*) from held_back) >= 0";

// What is due, but waits for an earlier message of its chain, is put off: otherwise every take would read all that has
// gathered behind a message in backoff. Whoever parks one holds the row of the message before it, so that this cannot be
// finished at the same time by somebody who does not see yet what he has to wake. Nothing here waits for a lock. The time is
// read once, or it could not be looked up by index. That a row is pending is asked by its next time, where it is looked up by
// its key: asked by its state, the planner may read all that is pending, as long as it believes that to be next to nothing.
const text = (schema: string, from: string) => `
  with due as materialized (
    select i.*, ${LOOKED_AT} as looked_at, m.chain_id, m.version, m.next_attempt_time
    from ${from}
    cross join lateral (
      select o.chain_id, o.version, o.next_attempt_time
      from ${schema}.outbox_message o
      where o.chain_type = i.chain_type and o.transition = i.transition and o.state = 'PENDING'
        and o.next_attempt_time <= (select clock_timestamp())
      order by o.next_attempt_time limit ${LOOKED_AT}
      for update skip locked
    ) m
  ),
  placed as materialized (
    select d.*, p.version as behind,
      row_number() over (partition by d.destination, p.version is null order by d.next_attempt_time) as place
    from due d
    left join lateral (
      select o.version from ${schema}.outbox_message o
      where o.chain_id = d.chain_id and o.version < d.version and o.state = 'PENDING'
      order by o.version desc limit 1
    ) p on true
  ),
  held_back as materialized (
    select d.n, d.chain_id, d.version
    from placed d
    cross join lateral (
      select from ${schema}.outbox_message o
      where o.chain_id = d.chain_id and o.version = d.behind and o.next_attempt_time is not null
      for no key update skip locked
    ) p
  ),
  parked as (
    update ${schema}.outbox_message m set next_attempt_time = clock_timestamp() + ${PARKED_FOR}, lease_id = null
    from held_back h where m.chain_id = h.chain_id and m.version = h.version and ${ALL_HELD}
    returning h.n
  ),
  taken as (
    update ${schema}.outbox_message m set lease_id = d.lease_id, attempts = m.attempts + 1, endpoint = d.endpoint,
      next_attempt_time = clock_timestamp() + d.lease_ms * interval '1 millisecond'
    from placed d
    where m.chain_id = d.chain_id and m.version = d.version and d.behind is null and d.place <= d.most
      and ${ALL_HELD}
    returning d.n, m.chain_id, m.version, m.fencing_token, m.body, m.attempts
  ),
  found as (
    select d.n, d.looked_at, count(*) as due, (select count(*) from parked k where k.n = d.n) as parked,
      (select count(*) from taken t where t.n = d.n) as taken
    from due d group by d.n, d.looked_at
  )
  select f.n, f.parked, f.due > f.parked + f.taken or f.due = f.looked_at as has_more,
    t.chain_id, t.version, t.fencing_token, t.body, t.attempts
  from found f left join taken t using (n)`;

const output = {
  n: "bigint",
  parked: "bigint",
  has_more: "boolean",
  chain_id: "uuid",
  version: "bigint",
  fencing_token: "bigint",
  body: "bytea",
  attempts: "integer",
};

export const takeDeliveriesStatement = hotStatement({ name: "take_deliveries", input, output, text });

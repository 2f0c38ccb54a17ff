import type { Database } from "./database.ts";

/** A transition, of whatever revision, of which a message is pending. */
export interface AwaitedTransition {
  readonly chainType: string;
  readonly transition: string;
}

/** Goes from one to the next by index, however many messages each has. */
export async function readAwaitedTransitions({ read, schema }: Database): Promise<AwaitedTransition[]> {
  const next = (condition: string) => `
    select o.chain_type, o.transition from ${schema}.outbox_message o
    where o.state = 'PENDING' ${condition} order by o.chain_type, o.transition limit 1`;
  const rows = await read<{ chain_type: string; transition: string }>(
    `with recursive awaited as (
       (${next("")})
       union all
       select n.chain_type, n.transition from awaited a
       cross join lateral (${next("and (o.chain_type, o.transition) > (a.chain_type, a.transition)")}) n
     )
     select chain_type, transition from awaited`,
    [],
  );
  return rows.map(({ chain_type, transition }) => ({ chainType: chain_type, transition }));
}

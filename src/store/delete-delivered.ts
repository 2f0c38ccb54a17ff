import type { Database } from "./database.ts";

/** How long a delivered message is kept, from the move on, for those who look for it. */
const KEPT_FOR = "interval '7 days'";

/** Deletes delivered messages that have been kept long enough, at most so many; how many they were. */
export async function deleteDelivered({ query, schema }: Database, most: number): Promise<number> {
  const [row] = await query<{ deleted: string }>(
    `with old as materialized (
       select chain_id, version from ${schema}.outbox_message
       where state = 'DELIVERED' and create_time < now() - ${KEPT_FOR}
         and (redrive_time is null or redrive_time < now() - ${KEPT_FOR})
       order by create_time limit $1 for update skip locked
     ),
     deleted as (
       delete from ${schema}.outbox_message m using old o
       where m.chain_id = o.chain_id and m.version = o.version returning 1
     )
     select count(*) as deleted from deleted`,
    [most],
  );
  return Number(row?.deleted);
}

import type { Database } from "./database.ts";

export interface OccupiedState {
  readonly chainType: string;
  readonly state: string;
}

/**
 * The states in which chains stand, of one type or of all, by name. Found by one step in the index for each, however many chains
 * there are.
 */
export async function readOccupiedStates(
  { read, schema }: Database,
  chainType: string | undefined,
): Promise<OccupiedState[]> {
  const ofType = chainType === undefined ? "" : "and c.chain_type = $1";
  const rows = await read<{ chain_type: string; state: string }>(
    `with recursive occupied as (
       (select c.chain_type, c.state from ${schema}.chain c where true ${ofType}
        order by c.chain_type, c.state limit 1)
       union all
       select next.chain_type, next.state from occupied o cross join lateral (
         select c.chain_type, c.state from ${schema}.chain c
         where (c.chain_type, c.state) > (o.chain_type, o.state) ${ofType}
         order by c.chain_type, c.state limit 1
       ) next
     )
     select chain_type, state from occupied`,
    chainType === undefined ? [] : [chainType],
  );
  return rows.map((row) => ({ chainType: row.chain_type, state: row.state }));
}

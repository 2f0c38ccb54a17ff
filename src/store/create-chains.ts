import { NEW } from "../domain/chain.ts";
import type { ResourceMapping } from "../domain/resource-mapping.ts";
import { pairFromResource } from "./chain-row.ts";
import type { Database } from "./database.ts";
import { batchOf, hotStatement } from "./hot-statement.ts";

export interface NewChain {
  /** Made by the caller, who recognises by it that the chain is its own. */
  readonly id: string;
  readonly chainType: string;
  readonly key: Buffer;
  /** Canonical. */
  readonly resources: readonly ResourceMapping[];
  /** So soon a sidecar looks at the chain by itself, unless its creator goes on with it first (R23); unset if none does. */
  readonly wakeAfterMs?: number | undefined;
}

export interface CreatedChain {
  readonly createTime: Date;
}

/**
 * Creates those chains whose key is free and whose type is registered. Keys must be distinct.
 *
 * A chain that was not created exists, perhaps by somebody whose insert this statement waited for: it is found only by a
 * new statement.
 */
export async function createChains(
  database: Database,
  chains: readonly NewChain[],
): Promise<(CreatedChain | undefined)[]> {
  const rows = await database.query<{ create_time: Date | null }>(
    createChainsStatement.callIn(database.schema),
    [batchOf(chains.map((chain) => JSON.stringify(rowOf(chain))))],
  );
  return rows.map(({ create_time }) => (create_time ? { createTime: create_time } : undefined));
}

const input = {
  id: "uuid",
  chain_type: "text",
  key: "bytea",
  resources: "json",
  wake_after_ms: "double precision",
};

function rowOf({
  id,
  chainType,
  key,
  resources,
  wakeAfterMs,
}: NewChain): Record<keyof typeof input, unknown> {
  return {
    id,
    chain_type: chainType,
    key: `\\x${key.toString("hex")}`,
    resources: resources.map(pairFromResource),
    wake_after_ms: wakeAfterMs,
  };
}

// In key order: two batches with the same new keys in different order would deadlock.
export const createChainsStatement = hotStatement({
  name: "create_chains",
  input,
  output: { create_time: "timestamptz" },
  text: (schema, from) => `
  with input as materialized (select * from ${from}),
  new as (
    insert into ${schema}.chain (id, chain_type, key, state, version, fence, disabled, create_time, update_time,
      wake_time)
    select id, chain_type, key, '${NEW}', 0, 0, false, now, now, now + wake_after_ms * interval '1 millisecond'
    from input, clock_timestamp() as now
    where exists (select from ${schema}.chain_type t where t.name = input.chain_type)
    order by key
    on conflict (key) do nothing
    returning id, create_time
  ),
  mapped as (
    insert into ${schema}.chain_resource (chain_id, resource_type, resource_id)
    select new.id, pair ->> 0, pair ->> 1
    from new join input using (id), json_array_elements(input.resources) as pair
  )
  select new.create_time from input left join new using (id) order by input.n`,
});

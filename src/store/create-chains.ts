import { NEW } from "../domain/chain.ts";
import type { ResourceMapping } from "../domain/resource-mapping.ts";
import type { Database } from "./database.ts";
import { hotStatement } from "./statement.ts";

export interface NewChain {
  /** Made by the caller, who recognises by it that the chain is its own. */
  readonly id: string;
  readonly chainType: string;
  readonly key: Buffer;
  /** Canonical. */
  readonly resources: readonly ResourceMapping[];
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
  const mapped = chains.flatMap(({ id, resources }) => resources.map((resource) => ({ id, ...resource })));
  const rows = await database.query<{ create_time: Date | null }>(statement(database.schema), [
    chains.map(({ id }) => id),
    chains.map(({ chainType }) => chainType),
    chains.map(({ key }) => key),
    mapped.map(({ id }) => id),
    mapped.map(({ resourceType }) => resourceType),
    mapped.map(({ resourceId }) => resourceId),
  ]);
  return rows.map(({ create_time }) => (create_time ? { createTime: create_time } : undefined));
}

// In key order: two batches with the same new keys in different order would deadlock.
const statement = hotStatement(
  "create_chains",
  (schema) => `
  with input as (
    select * from unnest($1::uuid[], $2::text[], $3::bytea[]) with ordinality as i (id, chain_type, key, n)
  ),
  resource as (
    select * from unnest($4::uuid[], $5::text[], $6::text[]) as r (chain_id, resource_type, resource_id)
  ),
  new as (
    insert into ${schema}.chain (id, chain_type, key, state, version, fence, disabled, create_time, update_time)
    select id, chain_type, key, '${NEW}', 0, 0, false, now, now from input, clock_timestamp() as now
    where exists (select from ${schema}.chain_type t where t.name = input.chain_type)
    order by key
    on conflict (key) do nothing
    returning id, create_time
  ),
  mapped as (
    insert into ${schema}.chain_resource (chain_id, resource_type, resource_id)
    select r.chain_id, r.resource_type, r.resource_id from new join resource r on r.chain_id = new.id
  )
  select new.create_time from input i left join new on new.id = i.id order by i.n`,
);

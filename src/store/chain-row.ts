import type { Chain } from "../domain/chain.ts";
import type { ResourceMapping } from "../domain/resource-mapping.ts";
import type { Columns } from "./hot-statement.ts";

/** A chain as the statements return it. */
export interface ChainRow {
  readonly id: string;
  readonly chain_type: string;
  readonly state: string;
  readonly version: string;
  readonly disabled: boolean;
  readonly next_update_time: Date | null;
  readonly claim_expire_time: Date | null;
  readonly create_time: Date;
  readonly update_time: Date;
  readonly resources: readonly [string, string][] | null;
}

/** The columns of a ChainRow for the chain `c`; a claim counts only while it lives by the database's clock. */
export const chainColumns = (schema: string): string => `
  c.id, c.chain_type, c.state, c.version, c.disabled, c.next_update_time, c.create_time, c.update_time,
  case when c.claim_expiry > clock_timestamp() then c.claim_expiry end as claim_expire_time,
  ${resourcesOf(schema, "c.id")} as resources`;

/** Their types, in the same order. */
export const chainColumnTypes = {
  id: "uuid",
  chain_type: "text",
  state: "text",
  version: "bigint",
  disabled: "boolean",
  next_update_time: "timestamptz",
  create_time: "timestamptz",
  update_time: "timestamptz",
  claim_expire_time: "timestamptz",
  resources: "json",
} satisfies Columns & Record<keyof ChainRow, string>;

/** The mappings of a chain in canonical order: the columns sort by bytes. */
export const resourcesOf = (schema: string, id: string): string => `
  (select json_agg(json_build_array(r.resource_type, r.resource_id) order by r.resource_type, r.resource_id)
     from ${schema}.chain_resource r where r.chain_id = ${id})`;

export function chainFromRow(row: ChainRow): Chain {
  return {
    id: row.id,
    chainType: row.chain_type,
    state: row.state,
    version: Number(row.version),
    resources: (row.resources ?? []).map(resourceFromPair),
    nextUpdateTime: row.next_update_time ?? undefined,
    disabled: row.disabled,
    claimExpireTime: row.claim_expire_time ?? undefined,
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}

export function resourceFromPair([resourceType, resourceId]: readonly [string, string]): ResourceMapping {
  return { resourceType, resourceId };
}

export function pairFromResource({ resourceType, resourceId }: ResourceMapping): [string, string] {
  return [resourceType, resourceId];
}

import { canonicalMappings, type ResourceMapping } from "../domain/resource-mapping.ts";
import type { Database } from "./database.ts";

/** As many as an ambiguous match shows (R2). */
const MOST = 10;

/**
 * The ids of chains of a type whose mappings include all the given ones: at most 10.
 *
 * One join per mapping, planned with its values: at half a million chains that share a mapping this takes 1 to 2 ms, where
 * grouping and counting takes 400 ms and a generic plan up to 800.
 */
export async function findChainsIncluding(
  { read, schema }: Database,
  chainType: string,
  mappings: readonly ResourceMapping[],
): Promise<string[]> {
  const wanted = canonicalMappings(mappings);
  const joins = wanted.map(
    (_, index) =>
      `join ${schema}.chain_resource r${index} on r${index}.chain_id = c.id
         and r${index}.resource_type = $${2 * index + 2} and r${index}.resource_id = $${2 * index + 3}`,
  );
  const values = [chainType, ...wanted.flatMap(({ resourceType, resourceId }) => [resourceType, resourceId])];
  const rows = await read<{ id: string }>(
    `select c.id from ${schema}.chain c ${joins.join("\n")} where c.chain_type = $1 limit ${MOST}`,
    values,
  );
  return rows.map(({ id }) => id);
}

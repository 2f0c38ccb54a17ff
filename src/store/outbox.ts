import type { Database } from "./database.ts";

/** True if an effect of the chain is still to be delivered. */
export async function isDeliveryPending({ read, schema }: Database, chainId: string): Promise<boolean> {
  const rows = await read(
    `select from ${schema}.outbox_message where chain_id = $1::uuid and state = 'PENDING' limit 1`,
    [chainId],
  );
  return rows.length > 0;
}

import type { Delivery, DeliveryKey } from "../domain/delivery.ts";
import type { Database } from "./database.ts";
import { type DeliveryRow, deliveryColumns, deliveryFromRow } from "./delivery-row.ts";

/** Makes a dead message pending again, as if its chain had just moved; any other is left as it is. */
export async function redriveDelivery(
  { query, schema }: Database,
  { chainId, version, transition }: DeliveryKey,
): Promise<void> {
  await query(
    `update ${schema}.outbox_message set state = 'PENDING', attempts = 0, lease_id = null,
       next_attempt_time = clock_timestamp(), redrive_time = clock_timestamp()
     where chain_id = $1::uuid and version = $2::bigint and transition = $3 and state = 'DEAD'`,
    [chainId, version, transition],
  );
}

export async function findDelivery(
  { read, schema }: Database,
  { chainId, version, transition }: DeliveryKey,
): Promise<Delivery | undefined> {
  const [row] = await read<DeliveryRow>(
    `select ${deliveryColumns(schema)} from ${schema}.outbox_message m
     where m.chain_id = $1::uuid and m.version = $2::bigint and m.transition = $3`,
    [chainId, version, transition],
  );
  return row && deliveryFromRow(row);
}

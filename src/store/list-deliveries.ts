import { DELIVERY_STATES, type Delivery, type DeliveryState } from "../domain/delivery.ts";
import type { Database } from "./database.ts";
import { type DeliveryRow, deliveryColumns, deliveryFromRow } from "./delivery-row.ts";

export interface DeliveryFilter {
  readonly chainId?: string | undefined;
  readonly state?: DeliveryState | undefined;
}

/** The last delivery of a page. */
export interface DeliveryPlace {
  /** In microseconds since 1970: a Date would lose what tells two apart. */
  readonly createTime: string;
  readonly chainId: string;
  readonly version: number;
}

export interface DeliveryPage {
  readonly deliveries: readonly Delivery[];
  /** Where the next page begins; undefined on the last one. */
  readonly next?: DeliveryPlace | undefined;
}

/** Deliveries that pass every filter, oldest first; those of one chain by version. */
export async function listDeliveries(
  { read, schema }: Database,
  { chainId, state }: DeliveryFilter,
  after: DeliveryPlace | undefined,
  limit: number,
): Promise<DeliveryPage> {
  const values = [limit + 1, after?.createTime ?? null, after?.chainId ?? null, after?.version ?? null];
  const rows = await read<DeliveryRow & { readonly place: string }>(
    `select ${deliveryColumns(schema)}, (extract(epoch from m.create_time) * 1000000)::bigint as place
     from (${chainId ? keysOfChain(schema) : keysByState(schema, state ? [state] : DELIVERY_STATES)}) k
     join ${schema}.outbox_message m using (chain_id, version)
     order by m.create_time, m.chain_id, m.version limit $1`,
    chainId ? [...values, chainId, state ?? null] : values,
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    deliveries: page.map(deliveryFromRow),
    next:
      rows.length > limit && last
        ? { createTime: last.place, chainId: last.chain_id, version: Number(last.version) }
        : undefined,
  };
}

const keysOfChain = (schema: string) => `
  select o.chain_id, o.version from ${schema}.outbox_message o
  where o.chain_id = $5::uuid and ($6::text is null or o.state = $6)
    and ($2::bigint is null or $3::uuid is null or o.version > $4::bigint)
  order by o.version limit $1`;

/** Each state has its own part of the index, in order. */
const keysByState = (schema: string, states: readonly DeliveryState[]) =>
  states
    .map(
      (state) => `(
  select o.chain_id, o.version from ${schema}.outbox_message o
  where o.state = '${state}' and ($2::bigint is null or
    (o.create_time, o.chain_id, o.version) > ('epoch'::timestamptz + $2 * interval '1 microsecond', $3::uuid, $4::bigint))
  order by o.create_time, o.chain_id, o.version limit $1)`,
    )
    .join(" union all ");

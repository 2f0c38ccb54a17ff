import type { Delivery, DeliveryState } from "../domain/delivery.ts";

export interface DeliveryRow {
  readonly chain_id: string;
  readonly version: string;
  readonly chain_type: string;
  readonly transition: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly last_error: string;
  readonly next_attempt_time: Date | null;
  readonly create_time: Date;
  readonly endpoint: string;
}

/** Of `m`. What waits for an earlier message of its chain has no time of its own (take-deliveries.ts). */
export const deliveryColumns = (schema: string) => `
  m.chain_id, m.version, m.chain_type, m.transition, m.state, m.attempts, m.last_error, m.create_time, m.endpoint,
  case when not exists (
    select from ${schema}.outbox_message o
    where o.chain_id = m.chain_id and o.version < m.version and o.state = 'PENDING'
  ) then m.next_attempt_time end as next_attempt_time`;

export function deliveryFromRow(row: DeliveryRow): Delivery {
  return {
    chainId: row.chain_id,
    version: Number(row.version),
    chainType: row.chain_type,
    transition: row.transition,
    state: row.state,
    attempts: row.attempts,
    lastError: row.last_error,
    nextAttemptTime: row.next_attempt_time ?? undefined,
    createTime: row.create_time,
    endpoint: row.endpoint,
  };
}

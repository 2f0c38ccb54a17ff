import type { Database } from "../store/database.ts";
import {
  type DeliveryFilter,
  type DeliveryPage,
  type DeliveryPlace,
  listDeliveries as list,
} from "../store/list-deliveries.ts";

/** AFTER_COMMIT deliveries that pass every filter, those of deleted chains too. */
export function listDeliveries(
  database: Database,
  filter: DeliveryFilter,
  after: DeliveryPlace | undefined,
  limit: number,
): Promise<DeliveryPage> {
  return list(database, filter, after, limit);
}

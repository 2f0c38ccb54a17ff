import { type Delivery, parseDeliveryId } from "../domain/delivery.ts";
import { Refusal } from "../domain/refusal.ts";
import type { Database } from "../store/database.ts";
import { findDelivery, redriveDelivery as redrive } from "../store/redrive-delivery.ts";
import type { Hasten } from "./hasten.ts";
import { settle } from "./settle.ts";

/** Makes a dead delivery pending again, under the same id and with the same bytes; one that is not dead is left as it is. */
export async function redriveDelivery(
  database: Database,
  hasten: Pick<Hasten, "deliveries">,
  deliveryId: string,
): Promise<Delivery> {
  const key = parseDeliveryId(deliveryId);
  if (!key) throw deliveryNotFound(deliveryId);
  await settle({
    write: async () => {
      await redrive(database, key);
      return true;
    },
    // What is pending already is left as it is, so that to write the same once more is as good as to know.
    check: async () => undefined,
  });
  hasten.deliveries();
  const delivery = await findDelivery(database, key);
  if (!delivery) throw deliveryNotFound(deliveryId);
  return delivery;
}

function deliveryNotFound(delivery_id: string): Refusal {
  return new Refusal(
    "DELIVERY_NOT_FOUND",
    `There is no delivery "${delivery_id}". ListDeliveries shows those there are; delivered ones are kept for 7 days.`,
    { metadata: { delivery_id } },
  );
}

import { OperationsService } from "../../../gen/ts/dispatcher/v1/operations_service_pb.ts";
import type { ExecuteParts } from "../../engine/execute-command.ts";
import { listDeliveries } from "../../engine/list-deliveries.ts";
import { redriveDelivery } from "../../engine/redrive-delivery.ts";
import { deliveryStateFromProto, deliveryToProto } from "../convert/delivery.ts";
import { refuseUnary } from "../not-implemented.ts";
import { pageSizeOf, pageToken, placeFromToken, UUID } from "../page-token.ts";
import { type MountedService, mount } from "../service.ts";

/** Stuck chains come with what makes chains stuck. */
export function operationsService({ store, hasten }: Pick<ExecuteParts, "store" | "hasten">): MountedService {
  const { database } = store;
  return mount(OperationsService, {
    async listDeliveries({ chainId, state, pageSize, pageToken: token }) {
      const wanted = { chainId: chainId.toLowerCase() || undefined, state: deliveryStateFromProto(state) };
      const [createTime, lastId, version] =
        placeFromToken(token, "deliveries", wanted, [/^\d{1,16}$/, UUID, /^\d{1,15}$/]) ?? [];
      const after =
        createTime === undefined || lastId === undefined
          ? undefined
          : { createTime, chainId: lastId, version: Number(version) };
      const { deliveries, next } = await listDeliveries(database, wanted, after, pageSizeOf(pageSize));
      return {
        deliveries: deliveries.map(deliveryToProto),
        nextPageToken: pageToken(
          next && [next.createTime, next.chainId, String(next.version)],
          "deliveries",
          wanted,
        ),
      };
    },

    async redriveDelivery({ deliveryId }) {
      return { delivery: deliveryToProto(await redriveDelivery(database, hasten, deliveryId)) };
    },

    listStuckChains: () => refuseUnary("ListStuckChains"),
  });
}

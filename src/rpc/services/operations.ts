import { OperationsService } from "../../../gen/ts/dispatcher/v1/operations_service_pb.ts";
import type { Chain } from "../../domain/chain.ts";
import type { ExecuteParts } from "../../engine/execute-command.ts";
import { listDeliveries } from "../../engine/list-deliveries.ts";
import { listStuckChains } from "../../engine/list-stuck-chains.ts";
import { redriveDelivery } from "../../engine/redrive-delivery.ts";
import { deliveryStateFromProto, deliveryToProto } from "../convert/delivery.ts";
import {
  stuckChainToProto,
  stuckPlaceFromToken,
  stuckPlaceToToken,
  stuckReasonFromProto,
} from "../convert/stuck-chain.ts";
import { pageSizeOf, pageToken, placeFromToken, UUID } from "../page-token.ts";
import { type MountedService, mount } from "../service.ts";

export function operationsService({
  store,
  registry,
  hasten,
}: Pick<ExecuteParts, "store" | "registry" | "hasten">): MountedService {
  const { database } = store;
  const isFinal = (chain: Chain) => registry.isFinal(chain);
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

    async listStuckChains({ chainType, reason, pageSize, pageToken: token }) {
      const filter = { chainType: chainType || undefined, reason: stuckReasonFromProto(reason) };
      const place = stuckPlaceFromToken(token, filter);
      const { stuckChains, next } = await listStuckChains(
        database,
        registry,
        filter,
        place,
        pageSizeOf(pageSize),
      );
      return {
        stuckChains: stuckChains.map((stuck) => stuckChainToProto(stuck, isFinal)),
        nextPageToken: pageToken(stuckPlaceToToken(next), "stuck chains", filter),
      };
    },
  });
}

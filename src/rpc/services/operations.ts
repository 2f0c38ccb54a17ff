import { OperationsService } from "../../../gen/ts/dispatcher/v1/operations_service_pb.ts";
import type { Chain } from "../../domain/chain.ts";
import type { ExecuteParts } from "../../engine/execute-command.ts";
import { listStuckChains } from "../../engine/list-stuck-chains.ts";
import {
  stuckChainToProto,
  stuckPlaceFromToken,
  stuckPlaceToToken,
  stuckReasonFromProto,
} from "../convert/stuck-chain.ts";
import { refuseUnary } from "../not-implemented.ts";
import { pageSizeOf, pageToken } from "../page-token.ts";
import { type MountedService, mount } from "../service.ts";

/** Deliveries come with the delivery of effects. */
export function operationsService({
  store,
  registry,
}: Pick<ExecuteParts, "store" | "registry">): MountedService {
  const { database } = store;
  const isFinal = (chain: Chain) => registry.isFinal(chain);
  return mount(OperationsService, {
    listDeliveries: () => refuseUnary("ListDeliveries"),
    redriveDelivery: () => refuseUnary("RedriveDelivery"),

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

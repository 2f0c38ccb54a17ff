import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type ChainKey as ChainKeyMessage,
  type ChainRef as ChainRefMessage,
  type ChainSchema,
  Match,
} from "../../../gen/ts/dispatcher/v1/chain_pb.ts";
import type { Chain } from "../../domain/chain.ts";
import type { ChainKey, ChainRef } from "../../engine/find-chain.ts";
import { timeToProto } from "./time.ts";

/** Whether a chain can move on is told by its type, which the chain does not carry. */
export type IsFinal = (chain: Chain) => boolean;

export function chainToProto(chain: Chain, isFinal: IsFinal): MessageInitShape<typeof ChainSchema> {
  return {
    id: chain.id,
    chainType: chain.chainType,
    state: chain.state,
    version: BigInt(chain.version),
    resources: chain.resources.map(({ resourceType, resourceId }) => ({ resourceType, resourceId })),
    nextUpdateTime: timeToProto(chain.nextUpdateTime),
    disabled: chain.disabled,
    final: isFinal(chain),
    claimExpireTime: timeToProto(chain.claimExpireTime),
    createTime: timeToProto(chain.createTime),
    updateTime: timeToProto(chain.updateTime),
  };
}

export function chainKeyFromProto({ chainType, resources, match }: ChainKeyMessage): ChainKey {
  return { chainType, resources, match: match === Match.SUBSET ? "SUBSET" : "EXACT" };
}

/** The field rules have refused a reference that is missing or empty. */
export function chainRefFromProto(message: ChainRefMessage | undefined): ChainRef {
  if (message?.value.case === "id") return { id: message.value.value.toLowerCase() };
  if (message?.value.case === "key") return { key: chainKeyFromProto(message.value.value) };
  throw new Error("a chain reference passed its rules without a value");
}

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  StuckReason as ReasonMessage,
  type StuckChainSchema,
} from "../../../gen/ts/dispatcher/v1/operations_service_pb.ts";
import type { StuckChain, StuckListPlace } from "../../engine/list-stuck-chains.ts";
import { STUCK_REASONS, type StuckReason } from "../../engine/stuck-lists.ts";
import { placeFromToken, TIME, UUID } from "../page-token.ts";
import { chainToProto, type IsFinal } from "./chain.ts";

export function stuckReasonFromProto(message: ReasonMessage): StuckReason | undefined {
  return STUCK_REASONS.find((reason) => ReasonMessage[reason] === message);
}

export function stuckChainToProto(
  { chain, reason, explanation }: StuckChain,
  isFinal: IsFinal,
): MessageInitShape<typeof StuckChainSchema> {
  return { chain: chainToProto(chain, isFinal), reason: ReasonMessage[reason], explanation };
}

export function stuckPlaceFromToken(token: string, filter: unknown): StuckListPlace | undefined {
  const patterns = [new RegExp(`^(${STUCK_REASONS.join("|")})$`), /^/, /^/, TIME, UUID];
  const [reason, chainType = "", state = "", time = "", id = ""] =
    placeFromToken(token, "stuck chains", filter, patterns) ?? [];
  return reason === undefined ? undefined : { reason: reason as StuckReason, chainType, state, time, id };
}

export function stuckPlaceToToken(place: StuckListPlace | undefined): readonly string[] | undefined {
  return place && [place.reason, place.chainType, place.state, place.time, place.id];
}

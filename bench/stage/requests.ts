import { randomUUID } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { Match } from "../../gen/ts/dispatcher/v1/chain_pb.ts";
import {
  ExecuteRequestSchema,
  GetOrCreateChainRequestSchema,
} from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";

export const EXECUTE_PATH = "/dispatcher.v1.DispatcherService/Execute";
export const GET_OR_CREATE_PATH = "/dispatcher.v1.DispatcherService/GetOrCreateChain";

/** An Execute as real clients send it: with who asks, and an id under which it may be repeated. */
export function executeRequest(
  chainId: string,
  { dryRun = false, claim = false }: { readonly dryRun?: boolean; readonly claim?: boolean } = {},
): Uint8Array {
  return toBinary(
    ExecuteRequestSchema,
    create(ExecuteRequestSchema, {
      chain: { value: { case: "id", value: chainId } },
      requestedBy: "bench",
      requestId: randomUUID(),
      dryRun,
      claim,
    }),
  );
}

export function getOrCreateRequest(chainType: string, resourceId: string): Uint8Array {
  return toBinary(
    GetOrCreateChainRequestSchema,
    create(GetOrCreateChainRequestSchema, {
      key: { chainType, resources: [{ resourceType: "booking", resourceId }], match: Match.EXACT },
    }),
  );
}

export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

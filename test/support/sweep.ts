import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  ChainResult,
  ExecuteChainsRequestSchema,
  ExecuteChainsSummary,
} from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import type { Clients } from "./client.ts";

export interface Swept {
  readonly results: readonly ChainResult[];
  readonly summary: ExecuteChainsSummary | undefined;
}

/** A whole sweep, read to its end. */
export async function sweep(
  { dispatcher }: Clients,
  request: MessageInitShape<typeof ExecuteChainsRequestSchema>,
): Promise<Swept> {
  const results: ChainResult[] = [];
  let summary: ExecuteChainsSummary | undefined;
  for await (const { value } of dispatcher.executeChains(request)) {
    if (summary) throw new Error("something came after the summary");
    if (value.case === "result") results.push(value.value);
    if (value.case === "summary") summary = value.value;
  }
  return { results, summary };
}

/** Makes so many chains, and gives their ids. */
export async function makeChains(
  { dispatcher }: Clients,
  chainType: string,
  count: number,
): Promise<string[]> {
  const ids: string[] = [];
  const makeNext = async () => {
    while (ids.length < count) {
      const place = ids.push("") - 1;
      const resources = [{ resourceType: "thing", resourceId: randomUUID() }];
      const { chain } = await dispatcher.getOrCreateChain({ key: { chainType, resources } });
      ids[place] = chain?.id ?? "";
    }
  };
  await Promise.all(Array.from({ length: 32 }, makeNext));
  return ids;
}

import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type pg from "pg";
import { onTestFinished } from "vitest";
import type {
  ChainResult,
  ExecuteChainsRequestSchema,
  ExecuteChainsSummary,
} from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import type { Clients } from "./client.ts";
import { valid } from "./judged-shop.ts";
import { type Answer, startGrpcValidator, type ValidatorHost } from "./validator-host.ts";

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

/** `new` -> `sent` -> `done`, judged by an application of its own. */
export async function registerParcel(
  { registry }: Clients,
  answer: Answer,
): Promise<{ name: string; host: ValidatorHost }> {
  const host = await startGrpcValidator(answer);
  onTestFinished(() => host.stop());
  const name = `parcel-${randomUUID()}`;
  await registry.registerChainType({
    chainType: {
      name,
      validator: { url: host.url, timeout: { seconds: 20n } },
      transitions: [
        { name: "send", finalState: "sent" },
        { name: "close", finalState: "done" },
      ],
      states: [
        { name: "new", transitions: ["send"] },
        { name: "sent", transitions: ["close"] },
      ],
    },
  });
  return { name, host };
}

/** Answers wait until they are let go; counts those that wait at the same time. */
export function waitingAnswer() {
  const waiting = new Set<() => void>();
  let isOpen = false;
  let most = 0;
  const answer: Answer = async () => {
    if (!isOpen) {
      await new Promise<void>((resolve) => {
        waiting.add(resolve);
        most = Math.max(most, waiting.size);
      });
    }
    return valid;
  };
  return {
    answer,
    most: () => most,
    letGo() {
      isOpen = true;
      for (const resolve of waiting) resolve();
      waiting.clear();
    },
  };
}

/** The sidecar goes on serving: what it wanted to do beside this, it had the time to do. */
export async function serveOthers({ dispatcher }: Clients, chainId: string): Promise<void> {
  for (let call = 0; call < 100; call++)
    await dispatcher.getChain({ chain: { value: { case: "id", value: chainId } } });
}

/** How many chains of a type stand where, as in `sent v1: 8`. */
export async function stateCounts(database: pg.Client, chainType: string): Promise<string[]> {
  const { rows } = await database.query<{ state: string; version: string; count: string }>(
    "select state, version, count(*) from dispatcher.chain where chain_type = $1 group by 1, 2 order by 1, 2",
    [chainType],
  );
  return rows.map(({ state, version, count }) => `${state} v${version}: ${count}`);
}

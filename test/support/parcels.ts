import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { ChainEventKindSchema } from "../../gen/ts/dispatcher/v1/chain_event_pb.ts";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import type { Clients } from "./client.ts";

/** How the two states of a parcel between `new` and `done` are called, and what else is called so by now. */
export interface ParcelStates {
  readonly sent?: string;
  readonly arrived?: string;
  /** States that are gone, each with the one that replaces it. */
  readonly replaced?: Readonly<Record<string, string>>;
}

/** A parcel is sent, arrives, and is signed for. */
export function parcelType(
  name: string,
  url: string,
  { sent = "sent", arrived = "arrived", replaced = {} }: ParcelStates = {},
) {
  return {
    name,
    validator: { url, timeout: { seconds: 20n } },
    transitions: [
      { name: "send", finalState: sent },
      { name: "arrive", finalState: arrived },
      { name: "sign", finalState: "done" },
    ],
    states: [
      { name: "new", transitions: ["send"] },
      { name: sent, transitions: ["arrive"] },
      { name: arrived, transitions: ["sign"] },
      ...Object.entries(replaced).map(([state, replacedBy]) => ({
        name: state,
        transitions: [],
        replacedBy,
      })),
    ],
  };
}

export const byId = (id: string) => ({ value: { case: "id" as const, value: id } });

/** Makes so many parcels, and takes each so many steps. */
export async function makeParcels(
  { dispatcher }: Clients,
  chainType: string,
  count: number,
  steps: number,
): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const key = { chainType, resources: [{ resourceType: "parcel", resourceId: randomUUID() }] };
      const { chain } = await dispatcher.getOrCreateChain({ key });
      const id = chain?.id ?? "";
      for (let step = 0; step < steps; step += 1)
        expect((await dispatcher.execute({ chain: byId(id) })).outcome).toBe(Outcome.TRANSITIONED);
      return id;
    }),
  );
}

export async function stateOf({ dispatcher }: Clients, id: string): Promise<string> {
  return (await dispatcher.getChain({ chain: byId(id) })).chain?.state ?? "";
}

/** The moves of a chain: `TRANSITIONED new -> sent @1`, with the revision that each was decided under. */
export async function movesOf({ dispatcher }: Clients, id: string): Promise<string[]> {
  const { events } = await dispatcher.listChainEvents({ chain: byId(id), pageSize: 1000 });
  return events
    .filter(({ fromState }) => fromState)
    .map(
      ({ kind, fromState, finalState, revision }) =>
        `${ChainEventKindSchema.value[kind]?.localName} ${fromState} -> ${finalState} @${revision}`,
    );
}

import type { ChainEvent } from "../domain/chain-event.ts";
import type { ChainStore } from "../store/chain-store.ts";
import { type EventPlace, listEvents, placeOf } from "../store/list-events.ts";
import { type ChainRef, chainNotFound, findChain } from "./find-chain.ts";

/** A chain's history, a deleted chain's too as long as its id is known. */
export async function listChainEvents(
  store: ChainStore,
  ref: ChainRef,
  after: EventPlace | undefined,
  limit: number,
): Promise<{ events: readonly ChainEvent[]; next?: EventPlace | undefined }> {
  const { chain } = await findChain(store, ref);
  const id = chain?.id ?? ("id" in ref ? ref.id : undefined);
  const found = id === undefined ? [] : await listEvents(store.database, id, after, limit + 1);
  if (!chain && found.length === 0) throw chainNotFound(ref);
  const events = found.slice(0, limit);
  const last = events.at(-1);
  return { events, next: found.length > limit && last ? placeOf(last) : undefined };
}

import type { ChainEvent } from "../domain/chain-event.ts";
import type { Database } from "../store/database.ts";
import { type EventPlace, listEvents, placeOf } from "../store/list-events.ts";
import { type ChainRef, chainNotFound, findChain } from "./find-chain.ts";

/** A chain's history, a deleted chain's too as long as its id is known. */
export async function listChainEvents(
  database: Database,
  ref: ChainRef,
  after: EventPlace | undefined,
  limit: number,
): Promise<{ events: readonly ChainEvent[]; next?: EventPlace | undefined }> {
  const { chain } = await findChain(database, ref);
  const id = chain?.id ?? ("id" in ref ? ref.id : undefined);
  const found = id === undefined ? [] : await listEvents(database, id, after, limit + 1);
  if (!chain && found.length === 0) throw chainNotFound(ref);
  const events = found.slice(0, limit);
  const last = events.at(-1);
  return { events, next: found.length > limit && last ? placeOf(last) : undefined };
}

import type { Chain } from "../../src/domain/chain.ts";
import { commitMoves, prepareMove } from "../../src/store/commit-moves.ts";
import type { Database } from "../../src/store/database.ts";
import { makeChain, moveOf, readChain } from "./store.ts";

/** What SQL is sent by: the store's database, or a client of its own. */
type Query = (sql: string, values: unknown[]) => Promise<unknown>;

export const HOUR_MS = 3_600_000;

/** A chain of type `order` that has come to `done` by two moves, and is purged so long after. */
export async function makeFinalChain(
  database: Database,
  { purgeAfterMs, message }: { readonly purgeAfterMs?: number; readonly message?: Uint8Array } = {},
): Promise<Chain> {
  const chain = await makeChain(database);
  await commitMoves(database, [prepareMove(moveOf(chain, { message }))]);
  const paid = await readChain(database, chain.id);
  const ship = moveOf(paid, { transition: "ship", finalState: "done", message, purgeAfterMs });
  await commitMoves(database, [prepareMove(ship)]);
  return readChain(database, chain.id);
}

/** Lets the chains have become final so long ago. */
export async function ageChains(query: Query, ids: readonly string[], byMs: number): Promise<void> {
  await query(
    `update dispatcher.chain set update_time = update_time - $2 * interval '1 millisecond',
       purge_time = purge_time - $2 * interval '1 millisecond' where id = any($1::uuid[])`,
    [ids, byMs],
  );
}

/** Gives every event that has none a place in the stream, as a sidecar does. */
export async function placeEvents(query: Query): Promise<void> {
  await query(
    `with head as materialized (select position from dispatcher.event_head for update),
     numbered as (
       select id, (select position from head) + row_number() over (order by chain_id, version, id) as position
       from dispatcher.chain_event where position is null
     ),
     placed as (
       update dispatcher.chain_event e set position = n.position from numbered n
       where e.id = n.id and e.position is null returning e.position
     )
     update dispatcher.event_head set position = greatest(position, (select max(position) from placed))`,
    [],
  );
}

import type { Chain } from "../../src/domain/chain.ts";
import { deliveryIdOf } from "../../src/domain/delivery.ts";
import { effectOf } from "../../src/engine/prepare-move.ts";
import { effectToBytes } from "../../src/outbound/effect.ts";
import { commitMoveAlone, prepareMove } from "../../src/store/commit-moves.ts";
import type { Database } from "../../src/store/database.ts";
import type { Takeable } from "../../src/store/take-deliveries.ts";
import { makeChain, moveOf, readChain } from "./store.ts";

export interface SentEffect {
  readonly chainId: string;
  readonly version: number;
  readonly transition: string;
  readonly deliveryId: string;
}

/** Moves a chain on, `new` -> `paid` -> `new` and so on, each move with an effect to deliver. */
export async function moveWithEffect(database: Database, known?: Pick<Chain, "id">): Promise<SentEffect> {
  const chain = known ? await readChain(database, known.id) : await makeChain(database);
  const step =
    chain.state === "new"
      ? { transition: "pay", finalState: "paid" }
      : { transition: "refund", finalState: "new" };
  const move = moveOf(chain, step);
  const message = effectToBytes(effectOf(move));
  const { kind } = await commitMoveAlone(database, prepareMove({ ...move, message }));
  if (kind !== "moved") throw new Error(`the move of ${chain.id} was ${kind}`);
  const version = chain.version + 1;
  const { transition } = step;
  return { chainId: chain.id, version, transition, deliveryId: deliveryIdOf(chain.id, version, transition) };
}

/** The effects of so many moves of one new chain. */
export async function movesWithEffect(database: Database, count: number): Promise<SentEffect[]> {
  const first = await moveWithEffect(database);
  const effects = [first];
  while (effects.length < count) effects.push(await moveWithEffect(database, { id: first.chainId }));
  return effects;
}

export const takeable = (transition: string, change: Partial<Takeable> = {}): Takeable => ({
  chainType: "order",
  transition,
  endpoint: `http://localhost/${transition}`,
  leaseMs: 25_000,
  destination: 0,
  most: 32,
  ...change,
});

/** All that chains of the tests have effects of. */
export const all: readonly Takeable[] = [takeable("pay"), takeable("refund", { destination: 1 })];

export interface MessageRow {
  readonly state: string;
  readonly attempts: number;
  /** How long until the next attempt; null unless pending. */
  readonly wait_ms: number | null;
  readonly lease_id: string | null;
  readonly last_error: string;
  readonly endpoint: string;
  readonly body: Buffer;
}

export async function readMessage({ read, schema }: Database, effect: SentEffect): Promise<MessageRow> {
  const [row] = await read<MessageRow>(
    `select *, extract(epoch from next_attempt_time - clock_timestamp())::double precision * 1000 as wait_ms
     from ${schema}.outbox_message where chain_id = $1 and version = $2`,
    [effect.chainId, effect.version],
  );
  if (!row) throw new Error(`no message ${effect.deliveryId}`);
  return row;
}

/** Lets time pass for one message: its lease, its backoff and its age. */
export async function age({ query, schema }: Database, effect: SentEffect, interval: string): Promise<void> {
  await query(
    `update ${schema}.outbox_message set next_attempt_time = next_attempt_time - $3::interval,
       create_time = create_time - $3::interval, redrive_time = redrive_time - $3::interval
     where chain_id = $1 and version = $2`,
    [effect.chainId, effect.version, interval],
  );
}

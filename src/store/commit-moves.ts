import type { DecidedTransition } from "../domain/decided-transition.ts";
import type { Database } from "./database.ts";
import { chainAfterOf } from "./event-row.ts";
import { hotStatement } from "./hot-statement.ts";
import {
  type HeldRow,
  type NotHeld,
  type PreparedWrite,
  type Refused,
  writeHeld,
  writeHeldAlone,
} from "./write-held.ts";

/** A decided transition, ready to be committed. */
export interface Move extends DecidedTransition {
  /** Made before the first try (R11); of a move under a claim, the claim's id. */
  readonly eventId: string;
  /** The mover's own claim, without which no claim may live and the chain may not be disabled. */
  readonly claimId?: string | undefined;
  /** The effect to deliver afterwards, but for the fencing token, which the commit gives (R17). */
  readonly message?: Uint8Array | undefined;
  /** A sidecar goes on with the chain by itself as soon as it is due (R23). */
  readonly wakes: boolean;
  /** So long after the move retention has something to delete of the chain. */
  readonly purgeAfterMs?: number | undefined;
}

export interface Moved {
  readonly kind: "moved";
  readonly time: Date;
  readonly nextUpdateTime?: Date | undefined;
}

export type CommitResult = Moved | Refused;

export function prepareMove(move: Move): PreparedWrite {
  return { chainId: move.chain.id, row: JSON.stringify(rowOf(move)) };
}

/**
 * Commits moves of different chains in one statement, each on its own guards (R10): version, its own living claim or else no
 * living claim and not disabled, final state known to the current revision. The event and the message for the outbox are of the
 * same statement. What is not held is for `commitMoveAlone`.
 */
export function commitMoves(
  database: Database,
  moves: readonly PreparedWrite[],
): Promise<(CommitResult | NotHeld)[]> {
  return writeHeld(database, commitMovesStatement, moves, resultFromRow);
}

/** Commits one move, waiting for whoever has locked its chain. */
export function commitMoveAlone(database: Database, move: PreparedWrite): Promise<CommitResult> {
  return writeHeldAlone(database, commitMoveAloneStatement, move, resultFromRow);
}

interface Row extends HeldRow {
  readonly event_time: Date | null;
  readonly next_update_time: Date | null;
}

function resultFromRow({ event_time, next_update_time }: Row): CommitResult {
  return event_time
    ? { kind: "moved", time: event_time, nextUpdateTime: next_update_time ?? undefined }
    : { kind: "refused" };
}

const input = {
  chain_id: "uuid",
  version: "bigint",
  event_id: "uuid",
  claim_id: "uuid",
  transition: "text",
  from_state: "text",
  final_state: "text",
  revision: "integer",
  evaluations: "json",
  context: "json",
  chain_after: "json",
  due_time: "timestamptz",
  delay_ms: "double precision",
  requested_by: "text",
  request_id: "text",
  request_hash: "text",
  attempt_id: "uuid",
  message: "text",
  wakes: "boolean",
  purge_after_ms: "double precision",
};

function rowOf(move: Move): Record<keyof typeof input, unknown> {
  const { chain, requestId } = move;
  return {
    chain_id: chain.id,
    version: chain.version,
    event_id: move.eventId,
    claim_id: move.claimId,
    transition: move.transition,
    from_state: chain.state,
    final_state: move.finalState,
    revision: move.revision,
    evaluations: move.evaluations,
    context: move.context,
    chain_after: chainAfterOf(chain),
    due_time: move.nextUpdateTime,
    delay_ms: move.delayMs,
    requested_by: move.requestedBy,
    request_id: requestId || undefined,
    request_hash: requestId ? move.requestHash : undefined,
    attempt_id: move.attemptId,
    message: move.message && Buffer.from(move.message).toString("base64"),
    wakes: move.wakes,
    purge_after_ms: move.purgeAfterMs,
  };
}

// The version stands in the UPDATE itself: that is what READ COMMITTED checks again after a concurrent commit. Expiry is
// judged by clock_timestamp(), since the statement may have waited for its row. Results go by ordinality, never by chain. Each
// step hands on all that the next one needs: joining them again would cost as much as the writes.
const textFor = (locking: "skip locked" | "") => (schema: string, from: string) =>
  `
  with held as materialized (
    select i.*, nullif(k.claim_id, i.claim_id) as former_claim_id
    from ${from}
    join ${schema}.chain k on k.id = i.chain_id
    for no key update of k ${locking}
  ),
  moved as (
    update ${schema}.chain c set
      state = h.final_state, version = c.version + 1, fence = c.fence + 1, claim_id = null, claim_expiry = null,
      next_update_time = coalesce(h.due_time, clock_timestamp() + h.delay_ms * interval '1 millisecond'),
      wake_time = case when h.wakes and not c.disabled
        then coalesce(h.due_time, clock_timestamp() + coalesce(h.delay_ms, 0) * interval '1 millisecond') end,
      purge_time = clock_timestamp() + h.purge_after_ms * interval '1 millisecond',
      update_time = clock_timestamp()
    from held h
    where c.id = h.chain_id and c.version = h.version
      and case when h.claim_id is null
        then not c.disabled and (c.claim_id is null or c.claim_expiry <= clock_timestamp())
        else c.claim_id = h.claim_id and c.claim_expiry > clock_timestamp() end
      and exists (select from ${schema}.chain_type t where t.name = c.chain_type and h.final_state = any(t.states))
    returning h.*, c.chain_type, c.fence, c.update_time, c.next_update_time
  ),
  noted as (
    insert into ${schema}.chain_event (id, chain_id, kind, is_move, version, transition, from_state, final_state, revision,
      evaluations, context, chain_after, next_update_time, requested_by, request_id, request_hash, attempt_id, reason,
      event_time)
    select event_id, chain_id, 'TRANSITIONED', true, version + 1, transition, from_state, final_state, revision,
      evaluations, context, chain_after, next_update_time, requested_by, request_id, request_hash,
      attempt_id, '', update_time
    from moved
  ),
  claim_noted as (
    insert into ${schema}.chain_event (id, chain_id, kind, is_move, version, requested_by, reason, event_time)
    select former_claim_id, chain_id, 'CLAIM_EXPIRED', false, version, '', '', update_time
    from moved where former_claim_id is not null
  ),
  claim_ended as (
    delete from ${schema}.chain_claim k using moved m
    where k.chain_id = m.chain_id and (m.claim_id is not null or m.former_claim_id is not null)
  ),
  sent as (
    insert into ${schema}.outbox_message (chain_id, version, chain_type, transition, fencing_token, body, state,
      next_attempt_time, create_time)
    select chain_id, version + 1, chain_type, transition, fence, decode(message, 'base64'), 'PENDING', update_time, update_time
    from moved where message is not null
  )
  select h.n, m.update_time as event_time, m.next_update_time from held h left join moved m using (n)`;

const output = { n: "bigint", event_time: "timestamptz", next_update_time: "timestamptz" };

export const commitMovesStatement = hotStatement({
  name: "commit_moves",
  input,
  output,
  text: textFor("skip locked"),
});
export const commitMoveAloneStatement = hotStatement({
  name: "commit_move_alone",
  input,
  output,
  text: textFor(""),
});

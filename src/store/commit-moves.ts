import type { Chain } from "../domain/chain.ts";
import type { Evaluation } from "../domain/evaluation.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Database } from "./database.ts";
import { chainAfterOf } from "./event-row.ts";
import { batchOf, type HotStatement, hotStatement } from "./hot-statement.ts";

/** A decided transition, ready to be committed. */
export interface Move {
  /** Made before the first try (R11). */
  readonly eventId: string;
  /** The chain as it was judged: the move holds only on its version. */
  readonly chain: Chain;
  readonly transition: string;
  readonly finalState: string;
  readonly revision: number;
  readonly evaluations: readonly Evaluation[];
  readonly context: JsonObject;
  /** When the chain is due again: a time, or so long after the move. */
  readonly nextUpdateTime?: Date | undefined;
  readonly delayMs?: number | undefined;
  readonly requestedBy: string;
  readonly requestId: string;
  readonly requestHash: string;
  readonly attemptId: string;
  /** Id of the note that is written if the move runs over an expired claim. */
  readonly noteId: string;
}

export type CommitResult =
  | { readonly kind: "moved"; readonly time: Date; readonly nextUpdateTime?: Date | undefined }
  /** A guard did not hold at that instant; what it was, a new statement tells. */
  | { readonly kind: "refused" };

/** In a batch, a row that somebody else has locked is not waited for. */
export type BatchedCommitResult = CommitResult | { readonly kind: "not held" };

/** A move as the statement takes it: converted before it joins others, so that what cannot be converted harms only itself. */
export interface PreparedMove {
  readonly chainId: string;
  /** JSON. */
  readonly row: string;
}

export function prepareMove(move: Move): PreparedMove {
  return { chainId: move.chain.id, row: JSON.stringify(rowOf(move)) };
}

/**
 * Commits moves of different chains in one statement, each on its own guards (R10): version, no living claim, not disabled,
 * final state known to the current revision. A row that somebody else has locked is not waited for, so that it cannot hold
 * up the others: it is `not held`, and for `commitMoveAlone`.
 */
export function commitMoves(
  database: Database,
  moves: readonly PreparedMove[],
): Promise<BatchedCommitResult[]> {
  return commit(database, moves, commitMovesStatement);
}

/** Commits one move, waiting for whoever has locked its chain. */
export async function commitMoveAlone(database: Database, move: PreparedMove): Promise<CommitResult> {
  const [result] = await commit(database, [move], commitMoveAloneStatement);
  // Nothing to lock: the chain has gone.
  return result === undefined || result.kind === "not held" ? { kind: "refused" } : result;
}

async function commit(
  database: Database,
  moves: readonly PreparedMove[],
  statement: HotStatement,
): Promise<BatchedCommitResult[]> {
  const rows = await database.query<Row>(statement.callIn(database.schema), [
    batchOf(moves.map(({ row }) => row)),
  ]);
  const results: BatchedCommitResult[] = moves.map(() => ({ kind: "not held" }));
  for (const { n, event_time, next_update_time } of rows) {
    results[Number(n) - 1] = event_time
      ? { kind: "moved", time: event_time, nextUpdateTime: next_update_time ?? undefined }
      : { kind: "refused" };
  }
  return results;
}

interface Row {
  readonly n: string;
  readonly event_time: Date | null;
  readonly next_update_time: Date | null;
}

const input = {
  chain_id: "uuid",
  version: "bigint",
  event_id: "uuid",
  note_id: "uuid",
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
};

function rowOf(move: Move): Record<keyof typeof input, unknown> {
  const { chain, requestId } = move;
  return {
    chain_id: chain.id,
    version: chain.version,
    event_id: move.eventId,
    note_id: move.noteId,
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
  };
}

// The version stands in the UPDATE itself: that is what READ COMMITTED checks again after a concurrent commit. Expiry is
// judged by clock_timestamp(), since the statement may have waited for its row. Results go by ordinality, never by chain. Each
// step hands on all that the next one needs: joining them again would cost as much as the writes.
const textFor = (locking: "skip locked" | "") => (schema: string, from: string) =>
  `
  with held as materialized (
    select i.*, k.claim_id as former_claim_id
    from ${from}
    join ${schema}.chain k on k.id = i.chain_id
    for no key update of k ${locking}
  ),
  moved as (
    update ${schema}.chain c set
      state = h.final_state, version = c.version + 1, fence = c.fence + 1, claim_id = null, claim_expiry = null,
      next_update_time = coalesce(h.due_time, clock_timestamp() + h.delay_ms * interval '1 millisecond'),
      update_time = clock_timestamp()
    from held h
    where c.id = h.chain_id and c.version = h.version and not c.disabled
      and (c.claim_id is null or c.claim_expiry <= clock_timestamp())
      and exists (select from ${schema}.chain_type t where t.name = c.chain_type and h.final_state = any(t.states))
    returning h.*, c.update_time, c.next_update_time
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
    select note_id, chain_id, 'CLAIM_EXPIRED', false, version, '', '', update_time
    from moved where former_claim_id is not null
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

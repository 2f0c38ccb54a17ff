import type { Claim } from "../domain/claim.ts";
import type { DecidedTransition } from "../domain/decided-transition.ts";
import type { Database } from "./database.ts";
import { hotStatement } from "./hot-statement.ts";
import {
  type HeldRow,
  type NotHeld,
  type PreparedWrite,
  type Refused,
  writeHeld,
  writeHeldAlone,
} from "./write-held.ts";

/** A claim that is to be taken for a decided transition. */
export interface ClaimToTake {
  /** Made before the first try: taking the same one again succeeds and changes nothing but its expiry (R11). */
  readonly claimId: string;
  readonly termMs: number;
  readonly decided: DecidedTransition;
  /** The chain belongs to those that a sidecar goes on with by itself: it looks again when the claim has expired (R23). */
  readonly wakes: boolean;
}

export interface TakenClaim {
  readonly kind: "taken";
  readonly claim: Claim;
}

export type ClaimResult = TakenClaim | Refused;

export function prepareClaim(claim: ClaimToTake): PreparedWrite {
  return { chainId: claim.decided.chain.id, row: JSON.stringify(rowOf(claim)) };
}

/**
 * Takes claims of different chains in one statement, each only if the chain still has the version that was judged, is not
 * disabled, and nobody's claim lives. What is not held is for `takeClaimAlone`.
 */
export function takeClaims(
  database: Database,
  claims: readonly PreparedWrite[],
): Promise<(ClaimResult | NotHeld)[]> {
  return writeHeld(database, takeClaimsStatement, claims, resultFromRow);
}

/** Takes one claim, waiting for whoever has locked its chain. */
export function takeClaimAlone(database: Database, claim: PreparedWrite): Promise<ClaimResult> {
  return writeHeldAlone(database, takeClaimAloneStatement, claim, resultFromRow);
}

interface Row extends HeldRow {
  readonly claim_id: string | null;
  readonly fence: string | null;
  readonly claim_expiry: Date | null;
}

function resultFromRow({ claim_id, fence, claim_expiry }: Row): ClaimResult {
  return claim_id && claim_expiry
    ? { kind: "taken", claim: { id: claim_id, fencingToken: Number(fence), expireTime: claim_expiry } }
    : { kind: "refused" };
}

const input = {
  chain_id: "uuid",
  version: "bigint",
  claim_id: "uuid",
  term_ms: "double precision",
  transition: "text",
  from_state: "text",
  final_state: "text",
  revision: "integer",
  evaluations: "json",
  context: "json",
  due_time: "timestamptz",
  delay_ms: "double precision",
  callback_context: "json",
  requested_by: "text",
  request_id: "text",
  request_hash: "text",
  attempt_id: "uuid",
  wakes: "boolean",
};

function rowOf({ claimId, termMs, decided, wakes }: ClaimToTake): Record<keyof typeof input, unknown> {
  const { chain, requestId } = decided;
  return {
    chain_id: chain.id,
    version: chain.version,
    claim_id: claimId,
    term_ms: termMs,
    transition: decided.transition,
    from_state: chain.state,
    final_state: decided.finalState,
    revision: decided.revision,
    evaluations: decided.evaluations,
    context: decided.context,
    due_time: decided.nextUpdateTime,
    delay_ms: decided.delayMs,
    callback_context: decided.callbackContext,
    requested_by: decided.requestedBy,
    request_id: requestId || undefined,
    request_hash: requestId ? decided.requestHash : undefined,
    attempt_id: decided.attemptId,
    wakes,
  };
}

const decidedColumns = Object.keys(input).filter((name) => name !== "wakes");

// The former holder is read under the lock. That a claim's own id is accepted makes the repetition after a lost answer
// succeed; its holder then uses the counter that it was told last.
const textFor = (locking: "skip locked" | "") => (schema: string, from: string) =>
  `
  with held as materialized (
    select i.*, nullif(k.claim_id, i.claim_id) as former_claim_id
    from ${from}
    join ${schema}.chain k on k.id = i.chain_id
    for no key update of k ${locking}
  ),
  taken as (
    update ${schema}.chain c set claim_id = h.claim_id,
      claim_expiry = clock_timestamp() + h.term_ms * interval '1 millisecond', fence = c.fence + 1,
      wake_time = case when h.wakes then clock_timestamp() + h.term_ms * interval '1 millisecond' end
    from held h
    where c.id = h.chain_id and c.version = h.version and not c.disabled
      and (c.claim_id is null or c.claim_id = h.claim_id or c.claim_expiry <= clock_timestamp())
    returning h.*, c.fence, c.claim_expiry, clock_timestamp() as time
  ),
  decision as (
    insert into ${schema}.chain_claim (${decidedColumns.join(", ")}, claim_time)
    select ${decidedColumns.join(", ")}, time from taken
    on conflict (chain_id) do update set
      ${decidedColumns.map((name) => `${name} = excluded.${name}`).join(", ")}, claim_time = excluded.claim_time
  ),
  noted as (
    insert into ${schema}.chain_event (id, chain_id, kind, is_move, version, requested_by, reason, event_time)
    select former_claim_id, chain_id, 'CLAIM_EXPIRED', false, version, '', '', time
    from taken where former_claim_id is not null
  )
  select h.n, t.claim_id, t.fence, t.claim_expiry from held h left join taken t using (n)`;

const output = { n: "bigint", claim_id: "uuid", fence: "bigint", claim_expiry: "timestamptz" };

export const takeClaimsStatement = hotStatement({
  name: "take_claims",
  input,
  output,
  text: textFor("skip locked"),
});
export const takeClaimAloneStatement = hotStatement({
  name: "take_claim_alone",
  input,
  output,
  text: textFor(""),
});

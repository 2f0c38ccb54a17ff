import type { ChainEvent } from "../domain/chain-event.ts";
import type { Claim, ClaimedTransition } from "../domain/claim.ts";
import { type ChainRow, chainColumns, chainFromRow } from "./chain-row.ts";
import { type ClaimRow, claimFromRow, livingClaim } from "./claim-row.ts";
import type { Database } from "./database.ts";

export interface ClaimRef {
  readonly chainId: string;
  readonly claimId: string;
}

/** The claim while it lives, by the database's clock at this instant. */
export async function readClaim(
  { read, schema }: Database,
  { chainId, claimId }: ClaimRef,
): Promise<ClaimedTransition | undefined> {
  const [row] = await read<ChainRow & { readonly claim: ClaimRow }>(
    `select ${chainColumns(schema)}, k.claim from ${schema}.chain c
     join lateral (${livingClaim(schema, "k.claim_id = $2::uuid")}) k on true where c.id = $1::uuid`,
    [chainId, claimId],
  );
  return row && claimFromRow(row.claim, chainFromRow(row));
}

export interface EndOfClaim extends ClaimRef {
  readonly kind: "CLAIM_ABANDONED" | "CALLBACK_FAILED";
  /** Why, for the history. */
  readonly reason: string;
  /** So soon a sidecar looks at the chain again by itself; unset: not sooner than without. */
  readonly wakeAfterMs?: number | undefined;
}

/** Gives a living claim up and notes it, under the claim's id; the chain stays where it is. False if it does not live any more. */
export async function endClaim({ query, schema }: Database, end: EndOfClaim): Promise<boolean> {
  const rows = await query(
    `with held as materialized (
       select id from ${schema}.chain where id = $1::uuid for no key update
     ),
     ended as (
       update ${schema}.chain c set claim_id = null, claim_expiry = null,
         wake_time = case when not c.disabled
           then coalesce(clock_timestamp() + $5::double precision * interval '1 millisecond', c.wake_time) end
       from held h where c.id = h.id and c.claim_id = $2::uuid and c.claim_expiry > clock_timestamp()
       returning c.id, c.version
     ),
     forgotten as (
       delete from ${schema}.chain_claim k using ended e where k.chain_id = e.id
       returning k.chain_id, k.transition, k.requested_by, k.request_id, k.request_hash, k.attempt_id
     ),
     noted as (
       insert into ${schema}.chain_event (id, chain_id, kind, is_move, version, transition, requested_by, request_id,
         request_hash, attempt_id, reason, event_time)
       select $2::uuid, e.id, $3::text, false, e.version, f.transition, f.requested_by, f.request_id, f.request_hash,
         f.attempt_id, $4::text, clock_timestamp()
       from ended e join forgotten f on f.chain_id = e.id
     )
     select from ended`,
    [end.chainId, end.claimId, end.kind, end.reason, end.wakeAfterMs ?? null],
  );
  return rows.length > 0;
}

/** Lets a living claim end later: so long from now, but no later than a day after it was taken (R19). */
export async function extendClaim(
  { query, schema }: Database,
  { chainId, claimId }: ClaimRef,
  termMs: number,
): Promise<Claim | undefined> {
  const [row] = await query<{ fence: string; claim_expiry: Date }>(
    `with held as materialized (
       select id from ${schema}.chain where id = $1::uuid for no key update
     )
     update ${schema}.chain c set
       claim_expiry = least(clock_timestamp() + $3::double precision * interval '1 millisecond',
         k.claim_time + interval '24 hours'),
       wake_time = case when c.wake_time is not null
         then least(clock_timestamp() + $3::double precision * interval '1 millisecond',
           k.claim_time + interval '24 hours') end
     from held h, ${schema}.chain_claim k
     where c.id = h.id and k.chain_id = c.id and k.claim_id = $2::uuid
       and c.claim_id = $2::uuid and c.claim_expiry > clock_timestamp()
     returning c.fence, c.claim_expiry`,
    [chainId, claimId, termMs],
  );
  return row && { id: claimId, fencingToken: Number(row.fence), expireTime: row.claim_expiry };
}

/** Kind of the event that ended a claim, whose id is the claim's; undefined if it lives, or ended in another way. */
export async function readEndOfClaim(
  { read, schema }: Database,
  { chainId, claimId }: ClaimRef,
): Promise<ChainEvent["kind"] | undefined> {
  const [row] = await read<{ kind: ChainEvent["kind"] }>(
    `select kind from ${schema}.chain_event where id = $2::uuid and chain_id = $1::uuid`,
    [chainId, claimId],
  );
  return row?.kind;
}

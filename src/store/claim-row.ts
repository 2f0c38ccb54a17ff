import type { Chain } from "../domain/chain.ts";
import type { ClaimedTransition } from "../domain/claim.ts";
import type { JsonObject } from "../domain/json.ts";
import { evaluationFromStored, type StoredEvaluation } from "./event-row.ts";

/** A claim as the statements return it, as JSON. */
export interface ClaimRow {
  readonly claim_id: string;
  readonly fence: number;
  readonly claim_expiry: string;
  readonly transition: string;
  readonly final_state: string;
  readonly revision: number;
  readonly evaluations: readonly StoredEvaluation[];
  readonly context: JsonObject;
  readonly due_time: string | null;
  readonly delay_ms: number | null;
  readonly callback_context: JsonObject;
  readonly requested_by: string;
  readonly request_id: string | null;
  readonly request_hash: string | null;
  readonly attempt_id: string;
  readonly term_ms: number;
}

/** The living claim of the chain `c` with what it was taken for, as one JSON value; none where the chain is not claimed. */
export const livingClaim = (schema: string, condition: string): string => `
  select row_to_json(k) as claim from (
    select k.*, c.fence, c.claim_expiry from ${schema}.chain_claim k
    where c.claim_id is not null and k.chain_id = c.id and k.claim_id = c.claim_id and c.claim_expiry > clock_timestamp()
      and ${condition}
    limit 1
  ) k`;

export function claimFromRow(row: ClaimRow, chain: Chain): ClaimedTransition {
  return {
    claim: { id: row.claim_id, fencingToken: row.fence, expireTime: new Date(row.claim_expiry) },
    decided: {
      chain,
      transition: row.transition,
      finalState: row.final_state,
      revision: row.revision,
      evaluations: row.evaluations.map(evaluationFromStored),
      context: row.context,
      nextUpdateTime: row.due_time === null ? undefined : new Date(row.due_time),
      delayMs: row.delay_ms ?? undefined,
      callbackContext: row.callback_context,
      requestedBy: row.requested_by,
      requestId: row.request_id ?? "",
      requestHash: row.request_hash ?? "",
      attemptId: row.attempt_id,
    },
    termMs: row.term_ms,
  };
}

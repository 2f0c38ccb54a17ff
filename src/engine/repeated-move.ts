import type { RecordedMove } from "../domain/chain-event.ts";
import type { ClaimedTransition } from "../domain/claim.ts";
import { Refusal } from "../domain/refusal.ts";

/** The recorded move, to be answered again; refused if the request id stands for another request (R13). */
export function repeatedMove(recorded: RecordedMove, requestId: string, requestHash: string): RecordedMove {
  if (recorded.requestHash === requestHash) return recorded;
  const { chainId, version } = recorded.event;
  throw new Refusal(
    "REQUEST_ID_REUSED",
    `Request id "${requestId}" already moved chain ${chainId} to version ${version} for a different request. Make a new id for each logical call.`,
    { metadata: { chain_id: chainId, request_id: requestId, version: String(version) } },
  );
}

/** The claim that the request id has taken and that still lives; refused if the request id stands for another request. */
export function repeatedClaim(
  held: ClaimedTransition,
  requestId: string,
  requestHash: string,
): ClaimedTransition {
  const { chain, requestHash: taken } = held.decided;
  if (taken === requestHash) return held;
  throw new Refusal(
    "REQUEST_ID_REUSED",
    `Request id "${requestId}" already claimed chain ${chain.id} for a different request. Make a new id for each logical call.`,
    { metadata: { chain_id: chain.id, request_id: requestId, version: String(chain.version) } },
  );
}

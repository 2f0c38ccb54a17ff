import type { RecordedMove } from "../domain/chain-event.ts";
import type { ClaimedTransition } from "../domain/claim.ts";
import { claimed } from "../domain/decide.ts";
import type { DecidedTransition } from "../domain/decided-transition.ts";
import type { ChainStore } from "../store/chain-store.ts";
import { readClaim } from "../store/end-claim.ts";
import { chainNotFound } from "./find-chain.ts";
import { concurrentTransition, disabledMeanwhile } from "./lost-guard.ts";
import { newId } from "./new-id.ts";
import { repeatedClaim, repeatedMove } from "./repeated-move.ts";
import { settle } from "./settle.ts";

/** What taking a claim came to: it may be another call's, or its move, with the same request id, that was faster. */
export type TakenClaim =
  | { readonly kind: "claimed"; readonly held: ClaimedTransition }
  | { readonly kind: "moved"; readonly move: RecordedMove };

/**
 * Takes the right to finish a decided transition (R10, R19), or throws the Refusal that tells why it could not. A claim that the
 * same request id has taken already is as good to a caller that finishes by itself (`adopts`), but not to one that calls a
 * callback: the other one calls it.
 */
export function takeClaim(
  store: ChainStore,
  decided: DecidedTransition,
  { termMs, wakes, adopts }: { readonly termMs: number; readonly wakes: boolean; readonly adopts: boolean },
): Promise<TakenClaim> {
  const claimId = newId();
  const { chain, requestId, requestHash } = decided;
  return settle<TakenClaim>({
    write: async () => {
      const result = await store.claim({ claimId, termMs, decided, wakes });
      if (result.kind === "refused") return undefined;
      return { kind: "claimed", held: { claim: result.claim, decided, termMs } };
    },
    // Nothing is looked up of an answer that was lost: to take the same claim once more is as good as to know.
    check: async () => {
      const reading = await store.read({ ref: { id: chain.id }, requestId });
      if (reading.recorded)
        return { kind: "moved", move: repeatedMove(reading.recorded, requestId, requestHash) };
      if (adopts && reading.claimed && reading.claimed.claim.id !== claimId)
        return { kind: "claimed", held: repeatedClaim(reading.claimed, requestId, requestHash) };
      const now = reading.chain;
      if (!now) throw chainNotFound({ id: chain.id });
      if (now.version !== chain.version) throw concurrentTransition(chain, now.version);
      if (now.disabled) throw disabledMeanwhile(chain.id);
      if (now.claimExpireTime && !(await isOurs(store, chain.id, claimId)))
        throw claimed(chain.id, now.claimExpireTime.getTime() - reading.now.getTime());
      return undefined;
    },
  });
}

async function isOurs({ database }: ChainStore, chainId: string, claimId: string): Promise<boolean> {
  return (await readClaim(database, { chainId, claimId })) !== undefined;
}

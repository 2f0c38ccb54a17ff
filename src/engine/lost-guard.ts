import type { Chain } from "../domain/chain.ts";
import { Refusal } from "../domain/refusal.ts";

// What is told when a guard of a commit or a claim did not hold at that instant (R10).

export function concurrentTransition({ id, version }: Chain, now: number): Refusal {
  return new Refusal(
    "CONCURRENT_TRANSITION",
    `Chain ${id} moved from version ${version} to ${now} meanwhile. Nothing was done; read it and decide anew.`,
    { metadata: { chain_id: id, version: String(now), judged_version: String(version) } },
  );
}

export function disabledMeanwhile(chain_id: string): Refusal {
  return new Refusal("CHAIN_DISABLED", `Chain ${chain_id} was disabled meanwhile. Nothing was done.`, {
    metadata: { chain_id },
  });
}

/** The claim is over: nobody can tell any more under it that anything is to be committed. */
export function claimExpired(chainId: string): Refusal {
  return new Refusal(
    "CLAIM_EXPIRED",
    `The claim on chain ${chainId} is over, and nothing was moved under it. Execute the chain again, with a longer claim_duration or ExtendClaim if there was too little time.`,
    { metadata: { chain_id: chainId } },
  );
}

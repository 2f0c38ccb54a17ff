import type { Chain } from "../domain/chain.ts";
import type { RecordedMove } from "../domain/chain-event.ts";
import { findTransition } from "../domain/chain-type.ts";
import type { Claim } from "../domain/claim.ts";
import { keepableText } from "../domain/text.ts";
import { upkeepIn } from "../domain/upkeep.ts";
import { recheckOf } from "../domain/wake-time.ts";
import {
  type ClaimRef,
  endClaim,
  extendClaim as extend,
  readClaim,
  readEndOfClaim,
} from "../store/end-claim.ts";
import { readMoveById } from "../store/read-move.ts";
import { commitMove } from "./commit-move.ts";
import type { ExecuteParts } from "./execute-command.ts";
import { getChain } from "./find-chain.ts";
import { claimExpired } from "./lost-guard.ts";
import { prepareMove } from "./prepare-move.ts";
import { readRevision } from "./read-revision.ts";
import { settle } from "./settle.ts";

/** What the holder of a claim needs: the callback has been called by itself. */
type ClaimParts = Pick<ExecuteParts, "store" | "registry" | "hasten">;

/** Moves a claimed chain to the final state of the transition that it was claimed for (R19). */
export async function completeTransition(parts: ClaimParts, ref: ClaimRef): Promise<RecordedMove> {
  const { store, registry } = parts;
  const held = await readClaim(store.database, ref);
  if (!held) {
    const made = await readMoveById(store.database, ref.claimId);
    if (made?.event.chainId === ref.chainId) return made;
    throw claimExpired(ref.chainId);
  }
  const { chain, transition, revision } = held.decided;
  const current = await registry.get(chain.chainType);
  // What the effect of a transition is that is gone by now says the revision under which it was claimed.
  const { chainType } = findTransition(current.chainType, transition)
    ? current
    : await readRevision(store.database, chain.chainType, revision);
  return commitMove(parts, prepareMove(registry, chainType, held.decided, ref.claimId));
}

/** Gives a claim up; the chain stays where it is. */
export async function abandonTransition(
  { store, registry }: ClaimParts,
  ref: ClaimRef,
  errors: readonly string[],
): Promise<Chain> {
  const { chainId } = ref;
  const { chainType, state } = await getChain(store, { id: chainId });
  const revision = await registry.get(chainType);
  const { autoExecute } = revision.chainType;
  await settle({
    write: async () => {
      const ended = await endClaim(store.database, {
        ...ref,
        kind: "CLAIM_ABANDONED",
        reason: keepableText(errors.join("\n")),
        wakeAfterMs:
          autoExecute && upkeepIn(revision.chainType, state).wakes
            ? recheckOf(autoExecute).intervalMs
            : undefined,
      });
      return ended || undefined;
    },
    check: async () => {
      if ((await readEndOfClaim(store.database, ref)) === "CLAIM_ABANDONED") return true;
      if (await readClaim(store.database, ref)) return undefined;
      throw claimExpired(chainId);
    },
  });
  return getChain(store, { id: chainId });
}

/** Lets a claim end later (R19). */
export async function extendClaim(
  { store }: ClaimParts,
  ref: ClaimRef,
  durationMs: number | undefined,
): Promise<Claim> {
  return settle({
    write: async () => {
      const held = await readClaim(store.database, ref);
      return held && extend(store.database, ref, durationMs ?? held.termMs);
    },
    check: async () => {
      if (await readClaim(store.database, ref)) return undefined;
      throw claimExpired(ref.chainId);
    },
  });
}

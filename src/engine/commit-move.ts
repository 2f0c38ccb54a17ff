import type { ChainEvent, RecordedMove } from "../domain/chain-event.ts";
import { isKnownState } from "../domain/chain-type.ts";
import { claimed } from "../domain/decide.ts";
import { Refusal } from "../domain/refusal.ts";
import type { ChainStore } from "../store/chain-store.ts";
import type { CommitResult, Move } from "../store/commit-moves.ts";
import { violatedConstraint } from "../store/database-error.ts";
import { readClaim } from "../store/end-claim.ts";
import type { ChainReading } from "../store/read-chains.ts";
import { readMove } from "../store/read-move.ts";
import type { ExecuteParts } from "./execute-command.ts";
import { chainNotFound } from "./find-chain.ts";
import { claimExpired, concurrentTransition, disabledMeanwhile } from "./lost-guard.ts";
import type { Registry } from "./registry.ts";
import { repeatedMove } from "./repeated-move.ts";
import { settle } from "./settle.ts";

/**
 * Commits a decided transition exactly once (R10, R11), or throws the Refusal that tells why it could not.
 *
 * The move may come back as another call's: one with the same request id that was faster.
 */
export async function commitMove(
  { store, registry, hasten }: Pick<ExecuteParts, "store" | "registry" | "hasten">,
  move: Move,
): Promise<RecordedMove> {
  const made = await settle<RecordedMove>({
    write: async () => {
      const result = await tryCommit(store, move);
      return result.kind === "moved" ? recordedMove(move, result) : undefined;
    },
    check: async () => {
      // The chain first: a write of ours that lands between the two readings must be found, not taken for another's.
      const reading = await store.read({ ref: { id: move.chain.id }, requestId: "" });
      return (await findOwn(store, move)) ?? (await refuseIfLost(store, registry, move, reading));
    },
  });
  hasten.positions();
  if (move.message) hasten.deliveries();
  return made;
}

async function tryCommit(store: ChainStore, move: Move): Promise<CommitResult> {
  try {
    return await store.commit(move);
  } catch (error) {
    // Somebody wrote the same version or request id between our snapshot and our insert.
    if (violatedConstraint(error)?.startsWith("one_move_per_")) return { kind: "refused" };
    throw error;
  }
}

/** The move if it has been made, by us or under our request id; read in a new statement, since the loser's own snapshot is older. */
async function findOwn(store: ChainStore, move: Move): Promise<RecordedMove | undefined> {
  const made = await readMove(store.database, move.chain.id, move.chain.version + 1);
  if (made?.event.id === move.eventId) return made;
  if (!move.requestId) return undefined;
  const reading = await store.read({ ref: { id: move.chain.id }, requestId: move.requestId });
  return reading.recorded && repeatedMove(reading.recorded, move.requestId, move.requestHash);
}

/** Which guard did not hold; undefined if all hold by now, so that the same write may be tried again. */
async function refuseIfLost(
  store: ChainStore,
  registry: Registry,
  move: Move,
  { chain, now }: ChainReading,
): Promise<undefined> {
  const { id, version, chainType } = move.chain;
  if (!chain) throw chainNotFound({ id });
  if (move.claimId) {
    const lives = await readClaim(store.database, { chainId: id, claimId: move.claimId });
    if (!lives) throw claimExpired(id);
  } else {
    if (chain.version !== version) throw concurrentTransition(move.chain, chain.version);
    if (chain.disabled) throw disabledMeanwhile(id);
    if (chain.claimExpireTime) throw claimed(id, chain.claimExpireTime.getTime() - now.getTime());
  }
  await registry.refresh();
  const current = registry.find(chainType);
  const known = current && isKnownState(current, move.finalState);
  if (!known && current?.revision !== move.revision) {
    throw new Refusal(
      "REVISION_CHANGED",
      `Revision ${current?.revision} of "${chainType}" has no state "${move.finalState}", to which revision ${move.revision} would have moved. ` +
        "Nothing was done; execute the chain again.",
      { metadata: { chain_id: id, chain_type: chainType, final_state: move.finalState } },
    );
  }
  return undefined;
}

function recordedMove(
  move: Move,
  { time, nextUpdateTime }: { time: Date; nextUpdateTime?: Date | undefined },
): RecordedMove {
  const { chain, finalState } = move;
  const version = chain.version + 1;
  const event: ChainEvent = {
    id: move.eventId,
    chainId: chain.id,
    kind: "TRANSITIONED",
    version,
    transition: move.transition,
    fromState: chain.state,
    finalState,
    revision: move.revision,
    evaluations: move.evaluations,
    context: move.context,
    addedResources: [],
    requestedBy: move.requestedBy,
    requestId: move.requestId || undefined,
    attemptId: move.attemptId,
    reason: "",
    time,
  };
  const chainAfter = {
    ...chain,
    state: finalState,
    version,
    nextUpdateTime,
    claimExpireTime: undefined,
    updateTime: time,
  };
  return { event, requestHash: move.requestHash, chainAfter };
}

import type { Attempt } from "../domain/attempt.ts";
import { keepAttempts } from "./attempts.ts";
import { Batcher } from "./batcher.ts";
import { type CommitResult, commitMoveAlone, commitMoves, type Move, prepareMove } from "./commit-moves.ts";
import { type CreatedChain, createChains, type NewChain } from "./create-chains.ts";
import type { Database } from "./database.ts";
import { type EndedDelivery, type FinishResult, finishDeliveries } from "./finish-deliveries.ts";
import { type ChainLookup, type ChainReading, readChains } from "./read-chains.ts";
import {
  type ClaimResult,
  type ClaimToTake,
  prepareClaim,
  takeClaimAlone,
  takeClaims,
} from "./take-claims.ts";
import { isNotHeld, type NotHeld, type PreparedWrite } from "./write-held.ts";

/** The hot statements, each shared by those who call at the same time. */
export interface ChainStore {
  /** For everything that is not hot. */
  readonly database: Database;
  read(lookup: ChainLookup): Promise<ChainReading>;
  /** Undefined if the key is taken, or the type not registered: a new statement tells by whom. */
  create(chain: NewChain): Promise<CreatedChain | undefined>;
  commit(move: Move): Promise<CommitResult>;
  claim(claim: ClaimToTake): Promise<ClaimResult>;
  /** Keeps an attempt before its answer, with what it changed of the holds. */
  keepAttempt(attempt: Attempt): Promise<void>;
  finishDelivery(ended: EndedDelivery): Promise<FinishResult>;
}

/** Moves and reads overlap, so that the database works while this process reads and writes the statements around it. */
const OVERLAPPING = 2;

/** `mostRows` of 1 switches grouping off: every call has a statement of its own, as many at once as the pool has connections. */
export function createChainStore(database: Database, mostRows: number): ChainStore {
  const isGrouped = mostRows > 1;
  const batching = (mostInFlight: number) => ({
    mostItems: mostRows,
    mostInFlight: isGrouped ? mostInFlight : Number.POSITIVE_INFINITY,
  });

  const reads = new Batcher<ChainLookup, ChainReading>({
    ...batching(OVERLAPPING),
    run: (lookups) => readChains(database, lookups),
  });
  const creations = new Batcher<NewChain, CreatedChain | undefined>({
    ...batching(1),
    run: (chains) => createChains(database, chains),
    keyOf: ({ key }) => key.toString("latin1"),
  });
  const writes = <Result>(
    together: (database: Database, prepared: readonly PreparedWrite[]) => Promise<(Result | NotHeld)[]>,
    alone: (database: Database, prepared: PreparedWrite) => Promise<Result>,
  ) => {
    const batcher = new Batcher<PreparedWrite, Result | NotHeld>({
      ...batching(OVERLAPPING),
      run: (prepared) => together(database, prepared),
      keyOf: ({ chainId }) => chainId,
      bytesOf: ({ row }) => Buffer.byteLength(row),
    });
    return async (prepared: PreparedWrite) => {
      const result = await batcher.submit(prepared);
      // Outside the batch, whose others must not wait for whoever has locked this chain.
      return isNotHeld(result) ? alone(database, prepared) : result;
    };
  };
  const commit = writes(commitMoves, commitMoveAlone);
  const claim = writes(takeClaims, takeClaimAlone);
  const attempts = new Batcher<Attempt, void>({
    ...batching(1),
    run: (kept) => keepAttempts(database, kept, "at once").then(() => kept.map(() => undefined)),
    keyOf: ({ chainId }) => chainId,
  });
  const deliveries = new Batcher<EndedDelivery, FinishResult>({
    ...batching(1),
    run: (ended) => finishDeliveries(database, ended),
    keyOf: ({ delivery }) => delivery.chainId,
  });

  return {
    database,
    read: (lookup) => reads.submit(lookup),
    create: (chain) => creations.submit(chain),
    commit: (move) => commit(prepareMove(move)),
    claim: (wanted) => claim(prepareClaim(wanted)),
    keepAttempt: (attempt) => attempts.submit(attempt),
    finishDelivery: (ended) => deliveries.submit(ended),
  };
}

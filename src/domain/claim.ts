import type { DecidedTransition } from "./decided-transition.ts";

/**
 * The right to finish one transition of one chain. The event that ends it has its id: the move that completed it, or the note
 * that it was abandoned, failed, or expired. So its holder recognises what became of it (R11, R19).
 */
export interface Claim {
  readonly id: string;
  /** The chain's counter when it was taken; greater than that of any claim and move before. */
  readonly fencingToken: number;
  /** By the database's clock (R20). */
  readonly expireTime: Date;
}

/** A claim with what it was taken for. */
export interface ClaimedTransition {
  readonly claim: Claim;
  readonly decided: DecidedTransition;
  /** How long it was taken for: what an extension gives by default. */
  readonly termMs: number;
}

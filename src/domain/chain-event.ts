import type { Chain } from "./chain.ts";
import type { Evaluation } from "./evaluation.ts";
import type { JsonObject } from "./json.ts";
import type { ResourceMapping } from "./resource-mapping.ts";

/** What raises the version by one. */
export type MoveKind = "TRANSITIONED" | "STATE_SET" | "MIGRATED" | "IMPORTED";

/** What only saw a version. */
export type NoteKind =
  | "RESOURCES_ADDED"
  | "UPDATED"
  | "DELETED"
  | "CALLBACK_FAILED"
  | "CLAIM_ABANDONED"
  | "CLAIM_EXPIRED";

/** One row of a chain's history (R14). */
export interface ChainEvent {
  /** Made before the first try to commit, so that a sidecar recognises its own success (R11). */
  readonly id: string;
  readonly chainId: string;
  readonly kind: MoveKind | NoteKind;
  /** Of a move: the version that it made; of a note: the version that it saw. */
  readonly version: number;
  readonly transition?: string | undefined;
  readonly fromState?: string | undefined;
  readonly finalState?: string | undefined;
  readonly revision?: number | undefined;
  readonly evaluations: readonly Evaluation[];
  readonly context?: JsonObject | undefined;
  readonly addedResources: readonly ResourceMapping[];
  readonly requestedBy: string;
  readonly requestId?: string | undefined;
  readonly attemptId?: string | undefined;
  /** Why, as an operator worded it. */
  readonly reason: string;
  readonly time: Date;
  /** Its place in the stream of all events, from 1 on, given shortly after the commit. */
  readonly position?: number | undefined;
}

/** A transition as it was recorded, with all that its caller was answered (R13). */
export interface RecordedMove {
  readonly event: ChainEvent;
  /** Of the request that made it. */
  readonly requestHash?: string | undefined;
  readonly chainAfter: Chain;
}

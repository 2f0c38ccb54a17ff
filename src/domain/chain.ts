import type { ResourceMapping } from "./resource-mapping.ts";

/** Where every chain begins. */
export const NEW = "new";

/** Where a chain ends, in every chain type: it never has exits. */
export const DONE = "done";

/** One thing that moves through the states of its chain type. */
export interface Chain {
  /** UUIDv7 made by the sidecar; empty for the chain that a dry run imagines. */
  readonly id: string;
  readonly chainType: string;
  readonly state: string;
  /** Number of moves made. */
  readonly version: number;
  /** Canonical: sorted by UTF-8 bytes, without duplicates. */
  readonly resources: readonly ResourceMapping[];
  /** Before this time an Execute is not yet due. */
  readonly nextUpdateTime?: Date | undefined;
  readonly disabled: boolean;
  /** Set while somebody has the right to finish a transition: the end of a claim that lives. */
  readonly claimExpireTime?: Date | undefined;
  readonly createTime: Date;
  /** The time of the last move; the creation time before the first. */
  readonly updateTime: Date;
}

import type { Evaluation } from "./evaluation.ts";
import type { Hold } from "./hold.ts";
import type { RefusalReason } from "./refusal.ts";

/** An Execute that judged a chain and did not move it, as it is kept (R15). */
export interface Attempt {
  readonly chainId: string;
  readonly version: number;
  readonly revision: number;
  /** What it came to, or why it failed. */
  readonly result:
    | { readonly outcome: "NO_VALID_TRANSITION" | "CALLBACK_FAILED" }
    | { readonly reason: RefusalReason };
  readonly requestedBy: string;
  readonly requestId: string;
  readonly attemptId: string;
  readonly evaluations: readonly Evaluation[];
  readonly holds: readonly Hold[];
  /** In this version, with this one: how often nothing was valid, and how often it could not be told. */
  readonly noValidCount: number;
  readonly errorCount: number;
  /** When a sidecar looks at the chain again by itself (R23); unset if none does. */
  readonly wakeTime?: Date | undefined;
  /** When it ended, by the database's clock. */
  readonly time: Date;
}

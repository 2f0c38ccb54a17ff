import type { Chain } from "./chain.ts";
import type { Evaluation } from "./evaluation.ts";
import type { JsonObject } from "./json.ts";

/** A transition that was decided, and is yet to be made. */
export interface DecidedTransition {
  /** As it was judged: the decision holds only for its version. */
  readonly chain: Chain;
  readonly transition: string;
  readonly finalState: string;
  readonly revision: number;
  readonly evaluations: readonly Evaluation[];
  readonly context: JsonObject;
  /** When the chain is due again: a time, or so long after the move. */
  readonly nextUpdateTime?: Date | undefined;
  readonly delayMs?: number | undefined;
  /** For the callback. */
  readonly callbackContext: JsonObject;
  readonly requestedBy: string;
  /** Empty: none. */
  readonly requestId: string;
  readonly requestHash: string;
  readonly attemptId: string;
}

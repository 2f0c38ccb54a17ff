import type { JsonObject } from "./json.ts";

/** Why it could not be told whether a transition is valid. */
export type VerdictErrorReason =
  | "UNREACHABLE"
  | "TIMEOUT"
  | "FAILED"
  | "REFUSED"
  | "MALFORMED"
  | "NO_VERDICT"
  | "TOO_LARGE"
  | "NOT_STORABLE"
  | "NOT_REGISTERED";

export interface Valid {
  readonly kind: "VALID";
  readonly context: JsonObject;
  readonly nextUpdateTime?: Date | undefined;
}

export interface Invalid {
  readonly kind: "INVALID";
  readonly errors: readonly string[];
  /** The validator does not want to be asked again before. */
  readonly notBefore?: Date | undefined;
}

/** It could not be told. Never valid, and never invalid either (R6). */
export interface Unknown {
  readonly kind: "ERROR";
  readonly reason: VerdictErrorReason;
  readonly message: string;
}

/** What a validator said of one transition, or that it could not be told. */
export type Verdict = (Valid | Invalid | Unknown) & {
  /** How long the validator took; unset if nobody was called. */
  readonly durationMs?: number | undefined;
};

const ASKING_AGAIN_MAY_HELP: ReadonlySet<VerdictErrorReason> = new Set(["UNREACHABLE", "TIMEOUT", "FAILED"]);

/** The refusal with which an ERROR under STOP ends an Execute (R6). */
export function stopReason(
  reason: VerdictErrorReason,
): "VALIDATOR_UNAVAILABLE" | "VALIDATOR_NOT_REGISTERED" | "VALIDATOR_BROKEN" {
  if (ASKING_AGAIN_MAY_HELP.has(reason)) return "VALIDATOR_UNAVAILABLE";
  return reason === "NOT_REGISTERED" ? "VALIDATOR_NOT_REGISTERED" : "VALIDATOR_BROKEN";
}

import type { VerdictErrorReason } from "../domain/verdict.ts";

/** An endpoint that was called and gave no usable answer. */
export interface Failure {
  readonly kind: "failure";
  readonly reason: VerdictErrorReason;
  /** What is wrong, to be read after the endpoint's URL: "refused the connection". */
  readonly problem: string;
  /** What a person can do about it. */
  readonly remedy: string;
  /** Nothing was answered at all, so that asking once more at once, on a new connection, is worth it. */
  readonly mayRepeat: boolean;
}

export function failure(reason: VerdictErrorReason, problem: string, remedy: string): Failure {
  return { kind: "failure", reason, problem, remedy, mayRepeat: false };
}

const MAX_QUOTED = 300;

/** Text from outside as it may stand in a message: on one line, in quotes, and not of any length. */
export function quoted(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim();
  const shown = line.length > MAX_QUOTED ? `${line.slice(0, MAX_QUOTED)}…` : line;
  return `"${shown.toWellFormed()}"`;
}

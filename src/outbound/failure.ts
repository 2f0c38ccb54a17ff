/** Why a call of the application came to nothing. */
export type CallFailureReason = "UNREACHABLE" | "TIMEOUT" | "FAILED" | "REFUSED" | "MALFORMED" | "TOO_LARGE";

/** An endpoint that was called and gave no usable answer. */
export interface Failure<Reason extends string = CallFailureReason> {
  readonly kind: "failure";
  readonly reason: Reason;
  /** What is wrong, to be read after the endpoint's URL: "refused the connection". */
  readonly problem: string;
  /** What a person can do about it. */
  readonly remedy: string;
  /** Nothing was answered at all, so that asking once more at once, on a new connection, is worth it. */
  readonly mayRepeat: boolean;
  /** The request may have been received, and the peer did not say that nothing came of it. */
  readonly mayBeDone: boolean;
  /** How long the peer wants to be left alone, if it says so. */
  readonly retryAfterMs?: number | undefined;
}

export function failure<Reason extends string>(
  reason: Reason,
  problem: string,
  remedy: string,
): Failure<Reason> {
  return { kind: "failure", reason, problem, remedy, mayRepeat: false, mayBeDone: true };
}

/** What a person reads. */
export function failureText(url: string, { problem, remedy }: Failure<string>): string {
  return `${url} ${problem}: ${remedy}`;
}

const MAX_QUOTED = 300;

/** Text from outside as it may stand in a message: on one line, in quotes, and not of any length. */
export function quoted(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim();
  const shown = line.length > MAX_QUOTED ? `${line.slice(0, MAX_QUOTED)}…` : line;
  return `"${shown.toWellFormed()}"`;
}

import type { Verdict, VerdictErrorReason } from "./verdict.ts";

/** The verdict on one transition in one Execute, as it is shown and kept. */
export interface Evaluation {
  readonly transition: string;
  readonly verdict: "VALID" | "INVALID" | "ERROR";
  readonly errors: readonly string[];
  readonly errorReason?: VerdictErrorReason | undefined;
  /** The validator does not want to be called before. */
  readonly deferredUntil?: Date | undefined;
  readonly durationMs?: number | undefined;
  /** True if nobody was called, because of an earlier `deferredUntil`. */
  readonly held: boolean;
}

export function evaluationOf(transition: string, verdict: Verdict): Evaluation {
  const { durationMs } = verdict;
  const common = { transition, durationMs, held: false };
  switch (verdict.kind) {
    case "VALID":
      return { ...common, verdict: "VALID", errors: [] };
    case "INVALID":
      return { ...common, verdict: "INVALID", errors: verdict.errors, deferredUntil: verdict.notBefore };
    case "ERROR":
      return { ...common, verdict: "ERROR", errors: [verdict.message], errorReason: verdict.reason };
  }
}

import type { CheckedValidator } from "./check-validator.ts";

/** What a validator did, in words for a person. */
export function explainVerdict({ endpoint, verdict }: CheckedValidator): string {
  const took = verdict.durationMs === undefined ? "" : ` within ${Math.ceil(verdict.durationMs)} ms`;
  switch (verdict.kind) {
    case "VALID":
      return `${endpoint?.url} answered VALID${took}: the validator is usable.`;
    case "INVALID": {
      const why = verdict.errors.length > 0 ? ` (${verdict.errors.join("; ")})` : "";
      return `${endpoint?.url} answered INVALID${why}${took}: the validator is usable.`;
    }
    case "ERROR":
      return verdict.message;
  }
}

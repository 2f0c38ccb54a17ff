import type { Endpoint } from "../domain/chain-type.ts";
import type { Verdict } from "../domain/verdict.ts";
import { quoted } from "./failure.ts";

/** What was called, what came of it, and the remedy if something is wrong, in one sentence for a person. */
export function explain({ url }: Endpoint, verdict: Verdict): string {
  const took = verdict.durationMs === undefined ? "" : ` in ${Math.ceil(verdict.durationMs)} ms`;
  switch (verdict.kind) {
    case "VALID":
      return `${url} answered VALID${took}; nothing is wrong with it.`;
    case "INVALID": {
      const [error] = verdict.errors;
      const why = error === undefined ? "" : ` (${quoted(error)})`;
      return `${url} answered INVALID${why}${took}; nothing is wrong with it.`;
    }
    case "ERROR":
      return `${verdict.message}.`;
  }
}

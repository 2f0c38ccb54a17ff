import { markdownTable } from "markdown-table";
import type { Trial } from "./trial.ts";

/** So many tests are named of each bug. */
const MOST_NAMED = 2;

/** The trials as a table in Markdown. */
export function trialTable(trials: readonly Trial[]): string {
  const rows = trials.map(({ bug, result, why }) => [
    `\`${bug.name}\``,
    cell(bug.guard),
    result,
    cell(named(why)),
  ]);
  return markdownTable([["bug", "what it takes away", "result", "by"], ...rows], {
    alignDelimiters: false,
  });
}

function named(why: readonly string[]): string {
  const more = why.length - MOST_NAMED;
  return why.slice(0, MOST_NAMED).join("; ") + (more > 0 ? `; and ${more} more` : "");
}

function cell(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|");
}

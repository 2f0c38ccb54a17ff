import { judge } from "./judgement.ts";
import type { Report } from "./report.ts";

/** The report for scripts; each target stands with what was found, and `met` is null where nothing was. */
export function reportToJson(report: Report): string {
  const { time, machine, quick, figures, scalars, ratios } = report;
  const targets = Object.fromEntries(
    judge(report).map(({ name, target, found = null, met = null }) => [name, { ...target, found, met }]),
  );
  const mode = quick ? "quick" : "full";
  return `${JSON.stringify({ time, machine, mode, figures, scalars, ratios, targets }, null, 2)}\n`;
}

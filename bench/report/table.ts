import { markdownTable } from "markdown-table";
import type { Figure, Measurement, Scalar } from "../measure/sample.ts";
import type { Role } from "../measure/subject.ts";
import { judge } from "./judgement.ts";
import type { Report, Target } from "./report.ts";

/** The report for people: tables that read alike on a terminal and in a Markdown page. */
export function printReport(report: Report): string {
  const { time, machine, quick, figures, scalars } = report;
  const { cpus, cpuModel, memoryGb, node, postgres } = machine;
  const head = [
    `${cpus} x ${cpuModel.trim()}, ${memoryGb} GB, Node ${node}, PostgreSQL ${postgres}, ${time}`,
    ...(quick ? ["Short runs (--quick): good for a first look, too short to quote."] : []),
  ];
  const parts = [head.join("\n"), ...figures.map(printFigure), printScalars(scalars), printTargets(report)];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

const HEAD = ["", "at once", "calls/s", "lowest-highest", "p50 ms", "p95 ms", "p99 ms"];
const roles: readonly Role[] = ["subject", "validator", "database", "load"];
const CPU = roles.map((role) => `${role} us`);

function printFigure({ title, measurements, missing, guarantees }: Figure): string {
  const ordered = measurements.toSorted((a, b) => a.concurrency - b.concurrency);
  const table = markdownTable([[...HEAD, ...CPU, "subject MB"], ...ordered.map(rowOf)], {
    align: ["l", ...Array.from({ length: HEAD.length + CPU.length }, () => "r")],
  });
  return [
    `## ${title}`,
    table,
    [
      ...missing.map(({ subject, why }) => `- ${subject} is not measured: ${why}`),
      ...Object.entries(guarantees).map(([subject, held]) => `- ${subject}: ${held}`),
    ].join("\n"),
  ].join("\n\n");
}

function rowOf({ subject, concurrency, median, spread }: Measurement): string[] {
  const { perSecond, p50Ms, p95Ms, p99Ms, cpuMicros, memoryMb } = median;
  return [
    subject,
    `${concurrency}`,
    rounded(perSecond),
    spread.map(rounded).join("-"),
    ...[p50Ms, p95Ms, p99Ms].map((ms) => ms.toFixed(2)),
    ...roles.map((role) => rounded(cpuMicros[role])),
    rounded(memoryMb.subject),
  ];
}

function rounded(value: number | undefined): string {
  return value === undefined ? "" : `${Math.round(value)}`;
}

function printScalars(scalars: readonly Scalar[]): string {
  if (scalars.length === 0) return "";
  const rows = scalars.map(({ title, value, unit }) => [
    title,
    `${unit === "%" ? value.toFixed(2) : rounded(value)} ${unit}`,
  ]);
  return `## The process\n\n${markdownTable([["", "found"], ...rows], { align: ["l", "r"] })}`;
}

function printTargets(report: Report): string {
  const rows = judge(report).map(({ name, target, found, met }) => [
    name,
    wordsOf(target),
    found === undefined ? "" : found.toFixed(found < 100 ? 2 : 0),
    met === undefined ? "not measured" : met ? "met" : "missed",
  ]);
  const table = markdownTable([["", "target", "found", ""], ...rows], { align: ["l", "r", "r", "l"] });
  return `## Targets\n\n${table}`;
}

function wordsOf({ atLeast, atMost }: Target): string {
  return atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`;
}

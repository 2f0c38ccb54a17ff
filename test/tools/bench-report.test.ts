import { SaxesParser } from "saxes";
import { describe, expect, it } from "vitest";
import type { Figure, Measurement } from "../../bench/measure/sample.ts";
import { reportToSvg } from "../../bench/report/chart.ts";
import { reportToJson } from "../../bench/report/json.ts";
import { ratiosOf } from "../../bench/report/ratios.ts";
import { type Report, targets } from "../../bench/report/report.ts";
import { printReport } from "../../bench/report/table.ts";

function measurement(
  subject: string,
  concurrency: number,
  perSecond: number,
  p50Ms = 1,
  p99Ms = 3 * p50Ms,
): Measurement {
  const median = {
    perSecond,
    p50Ms,
    p95Ms: 2 * p50Ms,
    p99Ms,
    cpuMicros: { subject: 120.4, database: 60 },
    memoryMb: { subject: 96.7 },
  };
  return { subject, concurrency, rounds: [median], median, spread: [perSecond - 100, perSecond + 100] };
}

const execute: Figure = {
  name: "execute",
  title: "Execute: <one> step & validator",
  guarantees: { dispatcher: "Durable.", relay: "None." },
  measurements: [
    measurement("dispatcher", 64, 4000),
    measurement("dispatcher", 1, 500, 2.1),
    measurement("dispatcher", 256, 5000),
    measurement("relay", 64, 5000),
    measurement("floor", 1, 700, 1.4),
    measurement("pgbench", 4, 4000),
    measurement("pgbench", 16, 2500),
  ],
  missing: [{ subject: "restate", why: "npm ci failed" }],
};

const fairness: Figure = {
  name: "fairness",
  title: "Execute: beside slow ones",
  guarantees: {},
  measurements: [
    measurement("dispatcher", 64, 4000, 16, 40),
    measurement("dispatcher beside a slow validator", 64, 3000, 20, 52),
  ],
  missing: [],
};

const scalars: Report["scalars"] = [
  { name: "ready_ms", title: "Start to ready", value: 950, unit: "ms" },
  { name: "idle_cpu_percent", title: "CPU, idle", value: 0.256, unit: "%" },
];

const report: Report = {
  time: "2026-01-02T03:04:05.678Z",
  machine: { cpus: 2, cpuModel: " A model", memoryGb: 16, node: "v24.0.0", postgres: "18.4" },
  quick: false,
  figures: [execute],
  scalars,
  ratios: ratiosOf([execute], scalars),
};

describe("ratios", () => {
  it("compare what was measured at the same number of callers, or the best of each", () => {
    expect(report.ratios).toEqual({
      execute_vs_relay_c64: 0.8,
      execute_vs_pgbench_best: 1.25,
      execute_p50_c1_vs_floor: expect.closeTo(1.5),
      ready_ms: 950,
    });
  });

  it("compare the latency that few exceed, alone and beside a slow validator, of their own figure", () => {
    expect(ratiosOf([execute, fairness], [])).toMatchObject({ fairness_p99: expect.closeTo(1.3) });
    expect(ratiosOf([{ ...fairness, measurements: fairness.measurements.slice(0, 1) }], [])).toEqual({});
  });

  it("are none where nothing was measured", () => {
    expect(ratiosOf([], [])).toEqual({});
  });
});

describe("the report for people", () => {
  const lines = printReport(report).split("\n");
  const row = (start: string) => {
    const cells = lines.find((line) => line.startsWith(start))?.split("|");
    return cells?.map((cell) => cell.trim()).slice(1, -1);
  };

  it("has a row for each measurement, few callers first", () => {
    expect(row("| dispatcher | ")).toEqual([
      "dispatcher",
      "1",
      "500",
      "400-600",
      "2.10",
      "4.20",
      "6.30",
      "120",
      "",
      "60",
      "",
      "97",
    ]);
    const callers = lines
      .filter((line) => line.startsWith("| dispatcher"))
      .map((line) => line.split("|")[2]?.trim());
    expect(callers).toEqual(["1", "64", "256"]);
  });

  it("aligns its columns", () => {
    const start = lines.findIndex((line) => line.startsWith("|"));
    const table = lines.slice(start, lines.indexOf("", start));
    expect(table).toHaveLength(9);
    expect(new Set(table.map((line) => line.length)).size).toBe(1);
  });

  it("tells what is missing and why, and what each holds", () => {
    expect(lines).toContain("- restate is not measured: npm ci failed");
    expect(lines).toContain("- relay: None.");
  });

  it("says of each target whether it was met, missed or not measured", () => {
    expect(row("| execute_vs_relay_c64")).toEqual(["execute_vs_relay_c64", ">= 0.75", "0.80", "met"]);
    expect(row("| execute_p50_c1_vs_floor")).toEqual(["execute_p50_c1_vs_floor", "<= 1.4", "1.50", "missed"]);
    expect(row("| ready_ms")).toEqual(["ready_ms", "<= 900", "950", "missed"]);
    expect(row("| execute_vs_restate_c64")).toEqual(["execute_vs_restate_c64", ">= 8", "", "not measured"]);
    expect(row("| CPU, idle")).toEqual(["CPU, idle", "0.26 %"]);
  });

  it.each([
    [1.2, "met"],
    [1.21, "missed"],
  ])("says that a p99 %d times as long beside a slow validator is %s", (fairness_p99, verdict) => {
    const printed = printReport({ ...report, ratios: { fairness_p99 } });
    expect(printed).toMatch(new RegExp(`^\\| fairness_p99 +\\| +<= 1\\.2 \\| .* \\| ${verdict} `, "m"));
  });

  it("warns of short runs", () => {
    expect(printReport({ ...report, quick: true })).toContain("too short to quote");
    expect(printReport(report)).not.toContain("--quick");
  });
});

describe("the report for scripts", () => {
  it("holds all that was measured, and each target with what was found", () => {
    const json = JSON.parse(reportToJson(report));
    expect(json).toMatchObject({
      time: report.time,
      machine: report.machine,
      mode: "full",
      ratios: report.ratios,
    });
    expect(json.figures).toEqual(report.figures);
    expect(Object.keys(json.targets)).toEqual(Object.keys(targets));
    expect(json.targets.execute_vs_pgbench_best).toEqual({ atLeast: 1, found: 1.25, met: true });
    expect(json.targets.execute_vs_dbos_c64).toEqual({ atLeast: 15, found: null, met: null });
  });
});

describe("the chart", () => {
  async function textsOf(drawn: Report): Promise<string[]> {
    const texts: string[] = [];
    const parser = new SaxesParser({ xmlns: true });
    parser.on("error", (error) => {
      throw error;
    });
    parser.on("text", (text) => texts.push(text));
    parser.write(await reportToSvg(drawn)).close();
    return texts;
  }

  it("is well-formed and shows every subject with its rate", async () => {
    const texts = await textsOf(report);
    for (const shown of [execute.title, "dispatcher", "relay", "pgbench", "64 at once", "4,000", "2,500"])
      expect(texts).toContain(shown);
  });

  it("cuts no name", async () => {
    const texts = await textsOf({ ...report, figures: [fairness] });
    expect(texts).toContain("dispatcher beside a slow validator");
  });

  it("has its panels in the order of callers", async () => {
    const panels = (await textsOf(report)).filter((text) => text.endsWith("at once"));
    expect(panels).toEqual(["1 at once", "4 at once", "16 at once", "64 at once", "256 at once"]);
  });

  it("is drawn also of nothing", async () => {
    expect(await textsOf({ ...report, figures: [] })).toContain("Calls answered per second");
  });
});

import { mkdir, writeFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { dirname, join, resolve } from "node:path";
import { BadArguments, parseBenchArguments } from "./arguments.ts";
import { effects } from "./figures/effects.ts";
import { execute } from "./figures/execute.ts";
import { fairness } from "./figures/fairness.ts";
import type { FigureDefinition, FigureResult } from "./figures/figure.ts";
import { footprint } from "./figures/footprint.ts";
import { manyChains } from "./figures/many-chains.ts";
import { noStep } from "./figures/no-step.ts";
import { threeValidators } from "./figures/three-validators.ts";
import type { Effort } from "./measure/compare.ts";
import { reportToSvg } from "./report/chart.ts";
import { reportToJson } from "./report/json.ts";
import { ratiosOf } from "./report/ratios.ts";
import type { Report } from "./report/report.ts";
import { printReport } from "./report/table.ts";
import { openStage } from "./stage/stage.ts";

const definitions: readonly FigureDefinition[] = [
  execute,
  threeValidators,
  noStep,
  fairness,
  effects,
  manyChains,
  footprint,
];
const FULL: Effort = { rounds: 5, seconds: 4, warmUp: 20_000 };
const QUICK: Effort = { rounds: 3, seconds: 0.4, warmUp: 4_000 };

async function main(): Promise<void> {
  const wanted = parseBenchArguments(
    process.argv.slice(2),
    definitions.map(({ name }) => name),
  );
  if (wanted.list) {
    for (const { name, what } of definitions) console.log(`${name.padEnd(18)} ${what}`);
    return;
  }
  const { quick } = wanted;
  const effort = { ...(quick ? QUICK : FULL), ...(wanted.seconds && { seconds: wanted.seconds }) };
  const chosen = definitions.filter(({ name }) => wanted.only.length === 0 || wanted.only.includes(name));

  const startedMs = performance.now();
  const tell = (line: string) => {
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    process.stderr.write(`[${seconds} s] ${line}\n`);
  };
  tell(quick ? "takes under two minutes" : "takes about forty minutes; --quick takes under two");
  const stage = await openStage();
  // What was started ends with the bench, however that comes.
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void stage.close().finally(() => process.exit(130)));
  const results: FigureResult[] = [];
  try {
    for (const { name, what, measure } of chosen) {
      tell(`${name}: ${what}`);
      results.push(await measure({ stage, effort, quick, tell }));
    }
  } finally {
    await stage.close();
  }
  const figures = results.flatMap((result) => result.figures ?? []);
  const scalars = results.flatMap((result) => result.scalars ?? []);
  const report: Report = {
    time: new Date().toISOString(),
    machine: {
      cpus: cpus().length,
      cpuModel: cpus()[0]?.model ?? "",
      memoryGb: Math.round(totalmem() / 2 ** 30),
      node: process.version,
      postgres: stage.postgresVersion,
    },
    quick,
    figures,
    scalars,
    ratios: ratiosOf(figures, scalars),
  };
  console.log(printReport(report));
  if (wanted.json) await write(wanted.json, reportToJson(report));
  await write(wanted.svg ?? join(import.meta.dirname, "results/bench.svg"), await reportToSvg(report));
}

async function write(file: string, text: string): Promise<void> {
  // A script of npm runs in the project's folder, wherever it was called.
  const path = resolve(process.env["INIT_CWD"] ?? ".", file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  process.stderr.write(`written: ${path}\n`);
}

main().catch((error: unknown) => {
  const told = error instanceof BadArguments ? error.message : error instanceof Error ? error.stack : error;
  process.stderr.write(`${told}\n`);
  process.exitCode = 1;
});

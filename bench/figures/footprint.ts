import { setTimeout } from "node:timers/promises";
import { usageOf } from "../measure/process-usage.ts";
import type { Scalar } from "../measure/sample.ts";
import { median } from "../measure/statistics.ts";
import { createDatabase } from "../stage/database.ts";
import { startSidecar } from "../stage/sidecar.ts";
import { dispatcher } from "../subjects/dispatcher.ts";
import { executeWork } from "../subjects/works.ts";
import type { FigureContext, FigureDefinition } from "./figure.ts";

const IDLE_MS = 10_000;

/** What the sidecar takes of a pod: time to start, memory, and CPU while nothing happens. */
export const footprint: FigureDefinition = {
  name: "footprint",
  what: "start to ready, memory idle and after a million Executes, idle CPU",
  async measure(context) {
    return { scalars: [...(await startAndIdle(context)), ...(await afterMany(context))] };
  },
};

async function startAndIdle({ stage, quick, tell }: FigureContext): Promise<Scalar[]> {
  const database = await createDatabase(stage.databaseUrl, "bench_footprint");
  const { url } = database;
  // The first start makes the schema, which the ones that count find; the last goes on to be idle.
  let sidecar = await startSidecar(url);
  const readyMs: number[] = [];
  for (let start = 0; start < (quick ? 3 : 7); start += 1) {
    await sidecar.stop();
    sidecar = await startSidecar(url);
    readyMs.push(sidecar.readyMs);
  }
  await setTimeout(quick ? 1_000 : IDLE_MS);
  const before = usageOf([sidecar.pid]);
  const idleMs = quick ? 3_000 : IDLE_MS;
  await setTimeout(idleMs);
  const { cpuMicros, memoryMb } = usageOf([sidecar.pid]);
  await sidecar.stop();
  await database.drop();
  const idleCpu = (cpuMicros - before.cpuMicros) / (idleMs * 10);
  tell(
    `ready after ${Math.round(median(readyMs))} ms, idle ${Math.round(memoryMb)} MB, ${idleCpu.toFixed(2)} %`,
  );
  return [
    { name: "ready_ms", title: "Start to ready, existing database", value: median(readyMs), unit: "ms" },
    { name: "memory_idle_mb", title: "Memory, idle", value: memoryMb, unit: "MB" },
    { name: "idle_cpu_percent", title: "CPU of one core, idle", value: idleCpu, unit: "%" },
  ];
}

async function afterMany({ stage, quick, tell }: FigureContext): Promise<Scalar[]> {
  const portion = quick ? 20_000 : 50_000;
  const portions = quick ? 1 : 20;
  const run = await dispatcher({ work: executeWork }).start(stage);
  try {
    let memoryMb = 0;
    for (let done = 1; done <= portions; done += 1) {
      await run.prepare(portion);
      await run.run({ operations: portion, concurrency: 64 });
      memoryMb = usageOf(run.processes.subject ?? []).memoryMb;
      tell(`${(done * portion).toLocaleString("en")} Executes: ${Math.round(memoryMb)} MB`);
    }
    await run.verify();
    const name = quick ? "memory_after_20_thousand_mb" : "memory_after_million_mb";
    const title = `Memory after ${quick ? "20 thousand" : "a million"} Executes`;
    return [{ name, title, value: memoryMb, unit: "MB" }];
  } finally {
    await run.stop();
  }
}

import type { RunningSubject, Stage, Subject } from "../measure/subject.ts";
import { createDatabase } from "../stage/database.ts";
import { startSidecar } from "../stage/sidecar.ts";
import { underLoad } from "./under-load.ts";
import type { Work } from "./work.ts";

export interface DispatcherOptions {
  /** `direct` is with DISPATCHER_DB_DIRECT=true, `pooled` the default, which works behind a transaction-mode pooler. */
  readonly mode?: "pooled" | "direct";
  readonly name?: string;
  readonly work: Work;
  /** Chains that are in the database besides those that are worked on. */
  readonly otherChains?: number;
}

/** The sidecar itself. */
export function dispatcher({ mode = "pooled", name, work, otherChains = 0 }: DispatcherOptions): Subject {
  return {
    name: name ?? (mode === "direct" ? "dispatcher direct" : "dispatcher"),
    guarantees:
      "Durable, one winner per version over all sidecars, the first valid transition in order, a repetition gets the recorded answer, the event holds every verdict.",
    start: (stage) => start(stage, mode, work, otherChains),
  };
}

let databases = 0;

async function start(
  { databaseUrl, validatorUrl }: Stage,
  mode: "pooled" | "direct",
  work: Work,
  otherChains: number,
): Promise<RunningSubject> {
  databases += 1;
  const database = await createDatabase(databaseUrl, `bench_dispatcher_${databases}`);
  const { url, client } = database;
  const sidecar = await startSidecar(url, { DISPATCHER_DB_DIRECT: `${mode === "direct"}` });
  await sidecar.call("RegistryService/RegisterChainType", { chainType: work.chainType });
  await sidecar.call("RegistryService/RegisterValidator", {
    chainType: work.chainType.name,
    endpoint: validatorUrl,
  });
  await work.fill?.(client, otherChains);
  await work.check?.(client, sidecar);
  return underLoad({
    pid: sidecar.pid,
    port: sidecar.grpcPort,
    path: work.path,
    messages: (operations) => work.prepare(client, operations),
    verify: (answered) => work.verify(client, answered),
    async stop() {
      await sidecar.stop();
      await database.drop();
    },
  });
}

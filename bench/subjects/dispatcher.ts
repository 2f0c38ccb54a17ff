import type { RunningSubject, Stage, Subject } from "../measure/subject.ts";
import { createDatabase } from "../stage/database.ts";
import { type BenchSidecar, startSidecar } from "../stage/sidecar.ts";
import { type BackgroundOptions, startBackground } from "./background.ts";
import { underLoad } from "./under-load.ts";
import type { Work } from "./work.ts";

export interface DispatcherOptions {
  /** `direct` is with DISPATCHER_DB_DIRECT=true, `pooled` the default, which works behind a transaction-mode pooler. */
  readonly mode?: "pooled" | "direct";
  readonly name?: string;
  readonly work: Work;
  /** Chains that are in the database besides those that are worked on. */
  readonly otherChains?: number;
  /** Of the effect of each step. */
  readonly callback?: { readonly url: string; readonly mode: string };
  /** Calls that are under way besides those that are measured. */
  readonly background?: BackgroundOptions;
}

/** The sidecar itself. */
export function dispatcher(options: DispatcherOptions): Subject {
  return {
    name: options.name ?? (options.mode === "direct" ? "dispatcher direct" : "dispatcher"),
    guarantees:
      "Durable, one winner per version over all sidecars, the first valid transition in order, a repetition gets the recorded answer, the event holds every verdict.",
    start: (stage) => start(stage, options),
  };
}

let databases = 0;

async function start(
  { databaseUrl, validatorUrl }: Stage,
  { mode = "pooled", work, otherChains = 0, callback, background }: DispatcherOptions,
): Promise<RunningSubject> {
  databases += 1;
  const database = await createDatabase(databaseUrl, `bench_dispatcher_${databases}`);
  const { url, client } = database;
  const sidecar = await startSidecar(url, { DISPATCHER_DB_DIRECT: `${mode === "direct"}` });
  const stop = async () => {
    await sidecar.stop();
    await database.drop();
  };
  try {
    await register(sidecar, work, validatorUrl);
    if (callback)
      await sidecar.call("RegistryService/RegisterCallback", {
        chainType: work.chainType.name,
        endpoint: callback.url,
        mode: `CALLBACK_MODE_${callback.mode}`,
      });
    await work.fill?.(client, otherChains);
    await work.check?.(client, sidecar);
    if (background) await register(sidecar, background.work, background.validatorUrl);
    const beside = background && (await startBackground(background, client, sidecar));
    return await underLoad({
      pid: sidecar.pid,
      port: sidecar.grpcPort,
      path: work.path,
      messages: (operations) => work.prepare(client, operations),
      // Both kinds of calls are steps, of which none may be lost or doubled.
      verify: async (answered) => work.verify(client, answered + ((await beside?.finish()) ?? 0)),
      async stop() {
        await beside?.stop();
        await stop();
      },
    });
  } catch (error) {
    // What is left running would hide it.
    await stop();
    throw error;
  }
}

async function register(sidecar: BenchSidecar, { chainType }: Work, endpoint: string): Promise<void> {
  await sidecar.call("RegistryService/RegisterChainType", { chainType });
  await sidecar.call("RegistryService/RegisterValidator", { chainType: chainType.name, endpoint });
}

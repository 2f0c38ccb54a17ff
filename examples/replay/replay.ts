import { resolve } from "node:path";
import { RegistryService } from "../../gen/ts/dispatcher/v1/registry_service_pb.ts";
import { compareHistories } from "./compare-histories.ts";
import { chainTypeName, deriveChainType } from "./derive-chain-type.ts";
import type { DispatcherClient } from "./dispatcher-client.ts";
import { serveLogValidator } from "./log-validator.ts";
import { PROJECT_FOLDER } from "./own-sidecar.ts";
import type { Progress } from "./progress.ts";
import { readXes } from "./read-xes.ts";
import type { ReplayArguments } from "./replay-arguments.ts";
import { replayLog } from "./replay-log.ts";
import { runRecord } from "./run-record.ts";
import type { Survey } from "./survey-log.ts";

/** What the last line of stdout says. */
export interface ReplayResult {
  readonly cases: number;
  readonly events: number;
  /** Moves that were read back: one per event, and one per case to `done`. */
  readonly transitions: number;
  /** Cases whose history is not the log's. */
  readonly mismatches: number;
  /** Of this replay alone: what an interrupted one did before does not count. */
  readonly executes_per_s: number;
}

/** How many mismatches are shown; all are counted. */
const SHOWN_MISMATCHES = 20;

/** Replays a surveyed log. It is read twice more, so that none of it has to be kept: to replay it, and to compare. */
export async function replay(
  args: ReplayArguments,
  survey: Survey,
  client: DispatcherClient,
  progress: Progress,
): Promise<ReplayResult> {
  const { file, concurrency } = args;
  const { cases, events } = survey;
  const validator = await serveLogValidator();
  try {
    const chainType = chainTypeName(file, survey.digest);
    await client.call(RegistryService.method.registerChainType, {
      chainType: deriveChainType(chainType, survey),
    });
    const { id, resume } = await beginRun(args, survey, progress);
    const run = { id, chainType };

    progress.begin("replaying", events + cases);
    const startedAt = performance.now();
    const onMoves = (moves: number) => progress.advance(moves);
    const options = { client, validator, run, concurrency, resume, onMoves };
    const executes = await replayLog(readXes(file), options);
    const seconds = (performance.now() - startedAt) / 1000;

    progress.begin("comparing", cases);
    const onCase = () => progress.advance(1);
    const onMismatch = shownAtMost(SHOWN_MISMATCHES, progress.say);
    const comparison = await compareHistories(readXes(file), {
      client,
      run,
      concurrency,
      onCase,
      onMismatch,
    });
    return { cases, events, ...comparison, executes_per_s: Math.round(executes / seconds) };
  } finally {
    progress.end();
    validator.stop();
  }
}

async function beginRun({ resume }: ReplayArguments, { digest }: Survey, { say }: Progress) {
  // The folder that a sidecar started by us keeps its database in, from the same place.
  const dataFolder = resolve(PROJECT_FOLDER, process.env["DISPATCHER_DATA_DIR"] ?? ".dispatcher");
  const record = runRecord(dataFolder, digest);
  const last = resume ? await record.find() : undefined;
  if (last) return { id: last, resume: true };
  if (resume) say("there is no earlier replay of this log to resume: starting from the beginning");
  return { id: await record.begin(), resume: false };
}

function shownAtMost(most: number, say: (message: string) => void): (message: string) => void {
  let shown = 0;
  return (message) => {
    if (shown++ < most) say(`mismatch: ${message}`);
  };
}

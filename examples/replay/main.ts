import { resolve } from "node:path";
import { DispatcherClient } from "./dispatcher-client.ts";
import { isListening, startOwnSidecar } from "./own-sidecar.ts";
import { createProgress, type Progress } from "./progress.ts";
import { readXes } from "./read-xes.ts";
import { type ReplayResult, replay } from "./replay.ts";
import { parseReplayArguments, type ReplayArguments, USAGE } from "./replay-arguments.ts";
import { ReplayError } from "./replay-error.ts";
import { type Survey, surveyLog } from "./survey-log.ts";

const DEFAULT_ADDRESS = "127.0.0.1:7480";
const SAY_EVERY_MS = 10_000;

async function main(): Promise<number> {
  const parsed = parseReplayArguments(process.argv.slice(2));
  if (!parsed) {
    process.stdout.write(USAGE);
    return 0;
  }
  // `npm run` works in the project's folder; the user named the file from where they are.
  const args = { ...parsed, file: resolve(process.env["INIT_CWD"] ?? "", parsed.file) };
  const progress = createProgress(args.quiet);
  progress.note(`reading ${args.file}`);
  const survey = await surveyFile(args.file);
  const result = await replaySomewhere(args, survey, progress);
  process.stdout.write(`${JSON.stringify(result)}\n`);
  return result.mismatches === 0 ? 0 : 1;
}

async function surveyFile(file: string): Promise<Survey> {
  try {
    return await surveyLog(readXes(file));
  } catch (error) {
    if (!(error instanceof ReplayError)) throw error;
    throw new ReplayError(`${file}: ${error.message}`, { cause: error });
  }
}

async function replaySomewhere(
  args: ReplayArguments,
  survey: Survey,
  progress: Progress,
): Promise<ReplayResult> {
  const isRunning = args.address !== undefined || (await isListening(DEFAULT_ADDRESS));
  if (!isRunning) progress.note(`nothing listens at ${DEFAULT_ADDRESS}: starting a sidecar for this replay`);
  const sidecar = isRunning ? undefined : await startOwnSidecar();
  const client = new DispatcherClient({
    address: args.address ?? sidecar?.address ?? DEFAULT_ADDRESS,
    waitMs: args.waitMs,
    onTrouble: nowAndThen(progress.say),
  });
  try {
    const replaying = replay(args, survey, client, progress);
    return await (sidecar ? Promise.race([replaying, sidecar.ended]) : replaying);
  } finally {
    client.close();
    await sidecar?.stop();
  }
}

/** Many calls wait at the same time for the same reason. */
function nowAndThen(say: (message: string) => void): (message: string) => void {
  let saidAt = Number.NEGATIVE_INFINITY;
  return (message) => {
    if (performance.now() - saidAt < SAY_EVERY_MS) return;
    saidAt = performance.now();
    say(`trying again: ${message}`);
  };
}

try {
  process.exitCode = await main();
} catch (error) {
  const message =
    error instanceof ReplayError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`replay: ${message}\n`);
  process.exitCode = 2;
}

import { resolve } from "node:path";
import { isListening, startOwnSidecar } from "./own-sidecar.ts";
import { createProgress, type Progress } from "./progress.ts";
import { readXes } from "./read-xes.ts";
import { type ReplayResult, replay } from "./replay.ts";
import { parseReplayArguments, type ReplayArguments, USAGE } from "./replay-arguments.ts";
import { ReplayError } from "./replay-error.ts";
import { type Survey, surveyLog } from "./survey-log.ts";

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 7480;

async function main(): Promise<number> {
  const parsed = parseReplayArguments(process.argv.slice(2));
  if (!parsed) {
    process.stdout.write(USAGE);
    return 0;
  }
  // `npm run` works in the project's folder; the user named the file from where they are.
  const args = { ...parsed, file: resolve(process.env["INIT_CWD"] ?? "", parsed.file) };
  const progress = createProgress(args.quiet);
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
  const address = args.address ?? `${DEFAULT_HOST}:${DEFAULT_PORT}`;
  if (args.address !== undefined || (await isListening(DEFAULT_HOST, DEFAULT_PORT))) {
    return replay(args, survey, address, progress);
  }
  if (!args.quiet) progress.say(`nothing listens at ${address}: starting a sidecar for this replay`);
  const sidecar = await startOwnSidecar();
  try {
    return await Promise.race([replay(args, survey, sidecar.address, progress), sidecar.ended]);
  } finally {
    await sidecar.stop();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const message =
    error instanceof ReplayError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`replay: ${message}\n`);
  process.exitCode = 2;
}

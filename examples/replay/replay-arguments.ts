import { parseArgs } from "node:util";
import { ReplayError } from "./replay-error.ts";

export const USAGE = `Usage: npm run replay -- [options] FILE.xes[.gz]

Replays every case of an XES event log through the sidecar, reads all histories back and compares them with the log.

  --address ADDRESS  gRPC address of the sidecar: HOST:PORT or unix:///PATH. Default: 127.0.0.1:7480 if something
                     listens there; else a sidecar is started for the time of the replay
  --resume           go on where the last replay of this log stopped
  --concurrency N    cases at a time, 1 to 1024. Default: 32
  --wait SECONDS     how long to wait for a sidecar that cannot answer. Default: 60
  --quiet            no progress
  --help             this text

The last line of stdout is JSON. Exit code: 0 all histories match, 1 some do not, 2 the replay could not be done.
`;

export interface ReplayArguments {
  readonly file: string;
  readonly address?: string | undefined;
  readonly resume: boolean;
  readonly concurrency: number;
  readonly waitMs: number;
  readonly quiet: boolean;
}

/** Undefined if the user asks for the usage. Throws a ReplayError that says what is wrong with the arguments. */
export function parseReplayArguments(args: readonly string[]): ReplayArguments | undefined {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  const [file, ...rest] = positionals;
  if (file === undefined || rest.length > 0) {
    throw new ReplayError(`name one event log, not ${positionals.length}; --help shows how`);
  }
  return {
    file,
    address: values.address,
    resume: values.resume,
    concurrency: numberIn("--concurrency", values.concurrency, 1, 1024),
    waitMs: numberIn("--wait", values.wait, 0, 86_400) * 1000,
    quiet: values.quiet,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        address: { type: "string" },
        resume: { type: "boolean", default: false },
        concurrency: { type: "string", default: "32" },
        wait: { type: "string", default: "60" },
        quiet: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new ReplayError(`${error instanceof Error ? error.message : error}; --help shows how`, {
      cause: error,
    });
  }
}

function numberIn(option: string, text: string, least: number, most: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new ReplayError(`${option} must be a whole number from ${least} to ${most}, not "${text}"`);
}

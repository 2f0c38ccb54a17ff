import { parseArgs } from "node:util";

export interface BenchArguments {
  readonly quick: boolean;
  readonly list: boolean;
  /** Names of figures; all if none is given. */
  readonly only: readonly string[];
  /** Where the report is written for scripts, and as a picture. */
  readonly json: string | undefined;
  readonly svg: string | undefined;
  /** Of each measured run, instead of the usual. */
  readonly seconds: number | undefined;
}

const usage = `npm run bench -- [options]

  --quick           shorter runs and fewer sizes: under two minutes
  --only a,b        only these figures; --list names them
  --seconds n       so long is each measured run
  --json FILE       writes the whole report for scripts
  --svg FILE        writes the chart (default: bench/results/bench.svg)`;

/** What was asked for is not to be had: in words for the user, with the usage. */
export class BadArguments extends Error {
  override readonly name = "BadArguments";

  constructor(problem: string, options?: ErrorOptions) {
    super(`${problem}\n\n${usage}`, options);
  }
}

/** @throws BadArguments */
export function parseBenchArguments(args: readonly string[], figures: readonly string[]): BenchArguments {
  const values = readOptions(args);
  const only = values.only?.split(",") ?? [];
  const unknown = only.filter((name) => !figures.includes(name));
  if (unknown.length > 0)
    throw new BadArguments(`no figure is called ${unknown.join(", ")}: there are ${figures.join(", ")}`);
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
  if (seconds !== undefined && !(seconds > 0 && seconds <= 600))
    throw new BadArguments(`--seconds is "${values.seconds}" but must be a number above 0, at most 600`);
  return { quick: values.quick, list: values.list, only, json: values.json, svg: values.svg, seconds };
}

function readOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        only: { type: "string" },
        json: { type: "string" },
        svg: { type: "string" },
        seconds: { type: "string" },
      },
    }).values;
  } catch (error) {
    throw new BadArguments((error as Error).message, { cause: error });
  }
}

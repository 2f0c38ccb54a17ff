import { Presets, SingleBar } from "cli-progress";

/** Shows a person how far the replay is. */
export interface Progress {
  /** Begins the next part of the work. */
  begin(part: string, total: number): void;
  advance(by: number): void;
  /** Says what is being done: not to somebody who wants no progress. */
  note(message: string): void;
  /** Says something that everybody should know, without spoiling the bar. */
  say(message: string): void;
  end(): void;
}

const LINE_EVERY_MS = 5000;

/** A bar where there is a terminal, else a line now and then; all of it on stderr. */
export function createProgress(quiet: boolean): Progress {
  if (quiet) return { begin: ignore, advance: ignore, note: ignore, say, end: ignore };
  return process.stderr.isTTY ? barProgress() : lineProgress();
}

function ignore(): void {}

function say(message: string): void {
  process.stderr.write(`replay: ${message}\n`);
}

function barProgress(): Progress {
  const format =
    "{part} [{bar}] {percentage}% | {value}/{total} | {duration_formatted}, {eta_formatted} left";
  const bar = new SingleBar(
    { format, stream: process.stderr, hideCursor: false, etaBuffer: 1000 },
    Presets.legacy,
  );
  const end = () => bar.stop();
  const sayAbove = (message: string) => {
    // The bar draws itself again on the line below.
    process.stderr.write("\r\x1b[K");
    say(message);
  };
  return {
    begin: (part, total) => {
      end();
      bar.start(total, 0, { part: part.padEnd(9) });
    },
    advance: (by) => bar.increment(by),
    note: sayAbove,
    say: sayAbove,
    end,
  };
}

function lineProgress(): Progress {
  let part = "";
  let value = 0;
  let total = 0;
  let saidAt = 0;
  const line = () => {
    saidAt = performance.now();
    say(`${part} ${value.toLocaleString("en")} of ${total.toLocaleString("en")}`);
  };
  return {
    begin: (nextPart, nextTotal) => {
      [part, value, total] = [nextPart, 0, nextTotal];
      line();
    },
    advance: (by) => {
      value += by;
      if (performance.now() - saidAt > LINE_EVERY_MS) line();
    },
    note: say,
    say,
    end: () => (value > 0 ? line() : undefined),
  };
}

import { createHash } from "node:crypto";
import { type LogCase, stepsOf } from "./log-case.ts";
import { ReplayError } from "./replay-error.ts";

/** What one reading of a log tells about all of it. */
export interface Survey {
  readonly cases: number;
  readonly events: number;
  /** Equal for logs with the same cases, however they are packed. Hex. */
  readonly digest: string;
  /** How often which state directly follows which, `new` and `done` included. */
  readonly follows: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** What a chain type may have at most (`new` counts, `done` need not be declared). */
const MAX_STATES = 256;
const MAX_EXITS = 64;

/** Reads a whole log. Its memory grows with the number of different activities, never with that of events. */
export async function surveyLog(log: AsyncIterable<LogCase>): Promise<Survey> {
  const follows = new Map([["new", new Map<string, number>()]]);
  const hash = createHash("sha256");
  let cases = 0;
  let events = 0;
  for await (const logCase of log) {
    cases += 1;
    events += logCase.activities.length;
    hash.update(JSON.stringify([logCase.name ?? null, logCase.activities]));
    let state = "new";
    for (const next of stepsOf(logCase)) {
      countExit(follows, state, next);
      state = next;
    }
  }
  if (cases === 0) throw new ReplayError("the log has no traces, so there is nothing to replay");
  return { cases, events, digest: hash.digest("hex"), follows };
}

function countExit(follows: Map<string, Map<string, number>>, state: string, next: string): void {
  let exits = follows.get(state);
  if (!exits) {
    exits = new Map();
    follows.set(state, exits);
  }
  exits.set(next, (exits.get(next) ?? 0) + 1);
  if (follows.size > MAX_STATES) {
    throw new ReplayError(
      `the log has more than ${MAX_STATES - 1} activities, and a chain type ${MAX_STATES} states`,
    );
  }
  if (exits.size > MAX_EXITS) {
    throw new ReplayError(
      `more than ${MAX_EXITS} activities follow "${state}", and a state has ${MAX_EXITS} transitions`,
    );
  }
}

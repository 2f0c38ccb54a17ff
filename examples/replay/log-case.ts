import { ReplayError } from "./replay-error.ts";

/** One trace of a log: what happened to one case, in order. */
export interface LogCase {
  /** Place in the log, from 1. Names the case for certain, since XES lets traces go without a name or share one. */
  readonly trace: number;
  /** The trace's `concept:name`, if it has one. */
  readonly name?: string | undefined;
  /** The events' `concept:name`. May be empty. */
  readonly activities: readonly string[];
}

/** The states that the case's chain goes through after `new`: one move each. */
export function stepsOf({ activities }: LogCase): string[] {
  return [...activities.map(stateOf), "done"];
}

/** An activity's state has its name, except where a chain type means something of its own by that name. */
export function stateOf(activity: string): string {
  // The word is put before what it would make of another activity too, so that two activities never share a state.
  return /^(activity )*(new|done)$/.test(activity) ? `activity ${activity}` : activity;
}

/** How messages name the case. */
export function labelOf({ trace, name }: LogCase): string {
  return name === undefined ? `trace ${trace}` : `trace ${trace} "${name}"`;
}

const MAX_BYTES = 255;

/** Refuses text that the API would refuse as a state's name or a resource's id. */
export function checkText(text: string, what: string): void {
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BYTES) {
    throw new ReplayError(
      `${what} has ${bytes} bytes, and ${MAX_BYTES} are allowed: "${text.slice(0, 60)}..."`,
    );
  }
  if (/\p{Cc}/u.test(text)) {
    throw new ReplayError(`${what} has a control character, which is not allowed: ${JSON.stringify(text)}`);
  }
}

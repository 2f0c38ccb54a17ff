import { DONE, NEW } from "./chain.ts";
import { type Callback, type ChainType, statesOf, type Transition } from "./chain-type.ts";
import { CALLBACK_CLAIM_MS } from "./execute-limits.ts";
import type { FieldProblem } from "./refusal.ts";
import { recheckOf } from "./wake-time.ts";

/** Every way in which a definition is not consistent (R25), all at once, with paths from the chain type's root. */
export function checkChainType(chainType: ChainType): FieldProblem[] {
  const exits = exitsByState(chainType);
  return [
    ...checkTransitions(chainType),
    ...checkStates(chainType),
    ...checkReachability(chainType, exits),
    ...checkCallbacks(chainType),
    ...checkAutoExecute(chainType, exits),
    ...checkRetention(chainType),
  ];
}

function checkTransitions({ transitions, states }: ChainType): FieldProblem[] {
  const used = new Set(states.flatMap((state) => state.transitions));
  const removed = new Map(
    states.flatMap(({ name, replacedBy }) => (replacedBy && name !== DONE ? [[name, replacedBy]] : [])),
  );
  return transitions.flatMap(({ name, finalState }, index) => {
    const at = `transitions[${index}]`;
    const problems = duplicate(transitions, index, `${at}.name`, "transition");
    if (!used.has(name)) {
      problems.push({
        field: `${at}.name`,
        message: `transition "${name}" is used by no state: name it in a state or remove it`,
      });
    }
    if (removed.has(finalState)) {
      problems.push({
        field: `${at}.final_state`,
        message: `state "${finalState}" is replaced by "${removed.get(finalState)}": name that one`,
      });
    }
    return problems;
  });
}

function checkStates(chainType: ChainType): FieldProblem[] {
  const { states, transitions } = chainType;
  const known = new Set(transitions.map(({ name }) => name));
  const current = new Set(statesOf(chainType));
  const problems = states.flatMap((state, index) => {
    const at = `states[${index}]`;
    const found = duplicate(states, index, `${at}.name`, "state");
    state.transitions.forEach((name, place) => {
      const field = `${at}.transitions[${place}]`;
      if (!known.has(name))
        found.push({ field, message: `transition "${name}" is not defined: add it to transitions` });
      if (state.transitions.indexOf(name) < place) {
        found.push({ field, message: `transition "${name}" is named twice in state "${state.name}"` });
      }
    });
    if (state.name === DONE && state.transitions.length > 0) {
      found.push({
        field: `${at}.transitions`,
        message: `"${DONE}" never has exits: give the state another name`,
      });
    }
    if (state.replacedBy) {
      const field = `${at}.replaced_by`;
      const add = (message: string) => found.push({ field, message });
      if (state.name === DONE) add(`"${DONE}" is never replaced`);
      if (state.transitions.length > 0) add(`state "${state.name}" is replaced and cannot have transitions`);
      if (!current.has(state.replacedBy)) add(`state "${state.replacedBy}" is not a state of this revision`);
    }
    return found;
  });
  const start = states.find(({ name }) => name === NEW);
  if (!start || start.transitions.length === 0) {
    problems.push({
      field: "states",
      message: `state "${NEW}", where every chain begins, is missing or has no transitions`,
    });
  }
  return problems;
}

function duplicate(
  named: readonly { name: string }[],
  index: number,
  field: string,
  kind: string,
): FieldProblem[] {
  const name = named[index]?.name ?? "";
  const first = named.findIndex((other) => other.name === name);
  return first < index ? [{ field, message: `${kind} "${name}" is defined twice` }] : [];
}

function checkReachability(chainType: ChainType, exits: Exits): FieldProblem[] {
  const reached = new Set([NEW]);
  for (const state of reached) for (const { finalState } of exits.get(state) ?? []) reached.add(finalState);
  return chainType.states.flatMap(({ name, replacedBy }, index) =>
    reached.has(name) || replacedBy
      ? []
      : [{ field: `states[${index}].name`, message: `state "${name}" cannot be reached from "${NEW}"` }],
  );
}

function checkCallbacks({ callback, transitions }: ChainType): FieldProblem[] {
  const all = [
    { callback, field: "callback" },
    ...transitions.map((transition, index) => ({
      callback: transition.callback,
      field: `transitions[${index}].callback`,
    })),
  ];
  return all.flatMap(({ callback, field }) =>
    callback && outlastsItsClaim(callback) ? [{ field: `${field}.endpoint.timeout`, message: OUTLASTS }] : [],
  );
}

const LONGEST_MS = CALLBACK_CLAIM_MS / 3;
export const OUTLASTS = `a BEFORE_COMMIT callback may take at most ${LONGEST_MS / 1000} s, a third of its claim`;

export function outlastsItsClaim({ mode, endpoint }: Callback): boolean {
  return mode === "BEFORE_COMMIT" && (endpoint.timeoutMs ?? 0) > LONGEST_MS;
}

/** Chains that execute themselves would run round a cycle without any delay for ever. */
function checkAutoExecute(chainType: ChainType, exits: Exits): FieldProblem[] {
  if (!chainType.autoExecute) return [];
  const { intervalMs, maxMs } = recheckOf(chainType.autoExecute);
  const problems: FieldProblem[] =
    maxMs < intervalMs
      ? [{ field: "auto_execute.recheck_max", message: "must not be shorter than recheck_interval" }]
      : [];
  return chainType.states.reduce((found, { name }, index) => {
    if (reachesWithoutDelay(exits, name)) {
      const message = `with auto_execute, a cycle through "${name}" needs a delay on at least one of its transitions`;
      found.push({ field: `states[${index}].transitions`, message });
    }
    return found;
  }, problems);
}

function reachesWithoutDelay(exits: Exits, start: string): boolean {
  const next = (state: string) =>
    (exits.get(state) ?? []).filter(({ delayMs }) => !delayMs).map(({ finalState }) => finalState);
  const reached = new Set(next(start));
  for (const state of reached) for (const further of next(state)) reached.add(further);
  return reached.has(start);
}

function checkRetention({ retention }: ChainType): FieldProblem[] {
  const { deleteEventsAfterMs, forgetAfterMs } = retention ?? {};
  return forgetAfterMs !== undefined &&
    deleteEventsAfterMs !== undefined &&
    forgetAfterMs < deleteEventsAfterMs
    ? [{ field: "retention.forget_after", message: "must not be shorter than delete_events_after" }]
    : [];
}

type Exits = ReadonlyMap<string, readonly Transition[]>;

function exitsByState({ states, transitions }: ChainType): Exits {
  const byName = new Map(transitions.map((transition) => [transition.name, transition]));
  return new Map(
    states.map(({ name, transitions: names }) => [name, names.flatMap((exit) => byName.get(exit) ?? [])]),
  );
}

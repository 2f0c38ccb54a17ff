import type { Callback, ChainType, State, Transition } from "../../src/domain/chain-type.ts";
import { transition } from "./situations.ts";

export const toDone = transition("finish", { finalState: "done" });
export const start: State = { name: "new", transitions: ["finish"] };

/** A chain type of these transitions and states. */
export function type(
  transitions: readonly Transition[],
  states: readonly State[],
  change: Partial<ChainType> = {},
): ChainType {
  return { name: "order", evaluation: "SEQUENTIAL", transitions, states, ...change };
}

/** A chain type of these ways: from a state, to a final state, with a delay in milliseconds or none. */
export function graph(
  edges: readonly [string, string, number?][],
  change: Partial<ChainType> = {},
): ChainType {
  const transitions = edges.map(([from, finalState, delayMs]) =>
    transition(`${from}-${finalState}`, { finalState, delayMs }),
  );
  const states = [...new Set(edges.map(([from]) => from))].map((name) => ({
    name,
    transitions: edges.filter(([from]) => from === name).map(([from, final]) => `${from}-${final}`),
  }));
  return type(transitions, states, change);
}

/** A callback that may take this long. */
export function slow(timeoutMs: number, mode: Callback["mode"]): Callback {
  return { endpoint: { url: "http://127.0.0.1:9000", timeoutMs }, mode };
}

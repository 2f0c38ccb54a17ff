import { DONE } from "./chain.ts";

/** Where a validator or a callback is called. */
export interface Endpoint {
  readonly url: string;
  readonly timeoutMs?: number | undefined;
}

export type CallbackMode = "BEFORE_COMMIT" | "AFTER_COMMIT";

export interface Callback {
  readonly endpoint: Endpoint;
  readonly mode: CallbackMode;
}

/** What an ERROR verdict does to an Execute (R6). */
export type OnError = "STOP" | "SKIP";

export interface Transition {
  readonly name: string;
  readonly finalState: string;
  readonly validator?: Endpoint | undefined;
  readonly callback?: Callback | undefined;
  readonly onError: OnError;
  /** After the move the chain is not due for this long, unless the validator names a time. */
  readonly delayMs?: number | undefined;
}

export interface State {
  readonly name: string;
  /** Names, in the order asked. */
  readonly transitions: readonly string[];
  /** The state that takes this one's place, which was removed. */
  readonly replacedBy?: string | undefined;
}

export interface AutoExecute {
  readonly recheckIntervalMs?: number | undefined;
  readonly recheckMaxMs?: number | undefined;
}

export interface Retention {
  readonly deleteEventsAfterMs?: number | undefined;
  readonly forgetAfterMs?: number | undefined;
}

/** How chains of one kind move. Immutable: a change is a new revision (R25). */
export interface ChainType {
  readonly name: string;
  readonly transitions: readonly Transition[];
  readonly states: readonly State[];
  readonly validator?: Endpoint | undefined;
  readonly callback?: Callback | undefined;
  readonly evaluation: "SEQUENTIAL" | "PARALLEL";
  readonly autoExecute?: AutoExecute | undefined;
  readonly retention?: Retention | undefined;
}

/** One immutable definition, with its number. */
export interface ChainTypeRevision {
  readonly chainType: ChainType;
  readonly revision: number;
  readonly contentHash: string;
  readonly createTime: Date;
}

/** The revision in force, with what has become of states that it lacks. */
export interface CurrentRevision extends ChainTypeRevision {
  /** States that it lacks, each with the state of it that takes their chains (R26). */
  readonly mappedStates: ReadonlyMap<string, string>;
}

/** The transitions that may leave a state, in the order asked; none for a final state. */
export function transitionsFrom(chainType: ChainType, state: string): readonly Transition[] {
  return derivedFrom(chainType).exits.get(state) ?? [];
}

/** True if a chain in this state can make no further move (R4). */
export function isFinal(chainType: ChainType, state: string): boolean {
  return transitionsFrom(chainType, state).length === 0;
}

/** Every state a chain of this type may stand in, `done` included, since an operator may end any chain. */
export function statesOf(chainType: ChainType): readonly string[] {
  return [...derivedFrom(chainType).states];
}

/** True if a chain of this type may stand in the state; a replaced one is none. */
export function hasState(chainType: ChainType, state: string): boolean {
  return derivedFrom(chainType).states.has(state);
}

/** True if a chain may come to this state: it is there, or chains are migrated from it to one that is. */
export function isKnownState({ chainType, mappedStates }: CurrentRevision, state: string): boolean {
  return hasState(chainType, state) || mappedStates.has(state);
}

export function findTransition(chainType: ChainType, name: string): Transition | undefined {
  return derivedFrom(chainType).transitions.get(name);
}

interface Derived {
  readonly transitions: ReadonlyMap<string, Transition>;
  readonly exits: ReadonlyMap<string, readonly Transition[]>;
  readonly states: ReadonlySet<string>;
}

/** What every verdict needs is worked out once for each type, which never changes. */
const known = new WeakMap<ChainType, Derived>();

function derivedFrom(chainType: ChainType): Derived {
  const derived = known.get(chainType) ?? derive(chainType);
  known.set(chainType, derived);
  return derived;
}

function derive({ transitions: defined, states: declared }: ChainType): Derived {
  const transitions = new Map(defined.map((transition) => [transition.name, transition]));
  const exits = new Map(
    declared
      .filter(({ name }) => name !== DONE)
      .map((state) => [state.name, state.transitions.flatMap((name) => transitions.get(name) ?? [])]),
  );
  const present = declared.filter(({ replacedBy }) => !replacedBy).map(({ name }) => name);
  const states = new Set([...present, ...defined.map(({ finalState }) => finalState), DONE]);
  return { transitions, exits, states };
}

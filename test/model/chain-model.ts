/** The chain type that the model knows, as it is registered. */
export const circle = {
  name: "circle",
  transitions: [
    { name: "a", finalState: "middle" },
    { name: "b", finalState: "middle" },
    { name: "back", finalState: "new" },
    { name: "end", finalState: "done" },
  ],
  states: [
    { name: "new", transitions: ["a", "b", "end"] },
    { name: "middle", transitions: ["back", "end"] },
  ],
} as const;

const exits: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  circle.states.map(({ name, transitions }) => [name, transitions]),
);
const finalStates: Readonly<Record<string, string>> = Object.fromEntries(
  circle.transitions.map(({ name, finalState }) => [name, finalState]),
);

/** One chain, as its only client must see it. */
export interface ChainModel {
  readonly exists: boolean;
  readonly state: string;
  readonly version: number;
  readonly disabled: boolean;
  /** The claim that lives, and under which request it was taken. */
  readonly claim?: { readonly transition: string; readonly request: string } | undefined;
  /** Requests that have moved the chain, with what they were answered. */
  readonly moved: ReadonlyMap<string, Answer>;
}

export const absent: ChainModel = {
  exists: false,
  state: "new",
  version: 0,
  disabled: false,
  moved: new Map(),
};

export type Answer =
  | {
      readonly outcome: string;
      readonly state: string;
      readonly version: number;
      readonly transition?: string;
    }
  | { readonly refused: string };

export interface Executed {
  /** Empty: none. */
  readonly request: string;
  readonly claim: boolean;
  readonly dryRun: boolean;
  /** Transitions whose validators say yes. */
  readonly valid: ReadonlySet<string>;
}

/** The order of R3, then the first valid one (R5). */
export function execute(chain: ChainModel, call: Executed): { answer: Answer; next: ChainModel } {
  const stays = (answer: Answer) => ({ answer, next: chain });
  const request = call.dryRun ? "" : call.request;
  const recorded = chain.moved.get(request);
  if (request && recorded) return stays(recorded);
  if (!chain.exists) return stays({ refused: "CHAIN_NOT_FOUND" });
  const { state, version } = chain;
  if (request && call.claim && chain.claim?.request === request)
    return stays({ outcome: "CLAIMED", state, version, transition: chain.claim.transition });
  const order = exits[state] ?? [];
  if (order.length === 0) return stays({ outcome: "ALREADY_FINAL", state, version });
  if (chain.disabled) return stays({ refused: "CHAIN_DISABLED" });
  if (chain.claim && !call.dryRun) return stays({ refused: "CLAIMED" });
  const transition = order.find((name) => call.valid.has(name));
  if (!transition) return stays({ outcome: "NO_VALID_TRANSITION", state, version });
  if (call.dryRun) return stays({ outcome: "WOULD_TRANSITION", state, version, transition });
  if (call.claim && finalStates[transition] !== "done") {
    const answer = { outcome: "CLAIMED", state, version, transition };
    return { answer, next: { ...chain, claim: { transition, request } } };
  }
  return move(chain, transition, request);
}

export function complete(chain: ChainModel): { answer: Answer; next: ChainModel } {
  return chain.claim
    ? move(chain, chain.claim.transition, chain.claim.request)
    : { answer: { refused: "CLAIM_EXPIRED" }, next: chain };
}

function move(chain: ChainModel, transition: string, request: string): { answer: Answer; next: ChainModel } {
  const { moved, claim, ...rest } = chain;
  const state = finalStates[transition] ?? "";
  const version = chain.version + 1;
  const answer = { outcome: "TRANSITIONED", state, version, transition };
  const requests = request ? new Map([...moved, [request, answer] as const]) : moved;
  return { answer, next: { ...rest, state, version, moved: requests } };
}

/** Without the claim, however it ended. */
export function unclaimed({ claim, ...chain }: ChainModel): ChainModel {
  return chain;
}

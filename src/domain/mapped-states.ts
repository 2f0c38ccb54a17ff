import { type ChainType, type ChainTypeRevision, hasState } from "./chain-type.ts";

/**
 * The states that the current revision lacks and whose chains go to one that it has (R26).
 *
 * What a revision says of a state holds until a later one says otherwise: the newest revision up to the current one that has
 * the state, or maps it, decides. A state that came only after the current revision, by the renaming of exactly one other, goes
 * back to that one: going back undoes it. Mappings are followed up to a state that is there; where none is, or they lead round
 * in a circle, the state is removed.
 */
export function mappedStatesOf(
  revisions: readonly ChainTypeRevision[],
  current: number,
): ReadonlyMap<string, string> {
  const history = [...revisions].sort((a, b) => a.revision - b.revision);
  const chainType = history.find(({ revision }) => revision === current)?.chainType;
  if (!chainType) throw new Error(`revision ${current} is not among those given`);
  const upToCurrent = history.filter(({ revision }) => revision <= current).reverse();
  const later = history.filter(({ revision }) => revision > current);

  const resolve = (state: string, passed: ReadonlySet<string>): string | undefined => {
    if (hasState(chainType, state)) return state;
    if (passed.has(state)) return undefined;
    const next = mappingIn(upToCurrent, state);
    const ways = next === undefined ? renamedTo(later, state) : [next];
    const ends = new Set(ways.flatMap((way) => resolve(way, new Set([...passed, state])) ?? []));
    const [end] = ends;
    return ends.size === 1 ? end : undefined;
  };

  const named = new Set(history.flatMap((revision) => statesNamedIn(revision.chainType)));
  return new Map(
    [...named].flatMap((state): [string, string][] => {
      const end = resolve(state, new Set());
      return end === undefined || end === state ? [] : [[state, end]];
    }),
  );
}

/** What the newest of these revisions that knows the state maps it to; undefined where that one has it, or none knows it. */
function mappingIn(newestFirst: readonly ChainTypeRevision[], state: string): string | undefined {
  for (const { chainType } of newestFirst) {
    if (hasState(chainType, state)) return undefined;
    const mapped = chainType.states.find(({ name }) => name === state)?.replacedBy;
    if (mapped) return mapped;
  }
  return undefined;
}

/** The states that were given this name by the revision in which it first appears. */
function renamedTo(oldestFirst: readonly ChainTypeRevision[], state: string): string[] {
  const first = oldestFirst.find(({ chainType }) => hasState(chainType, state));
  return (first?.chainType.states ?? [])
    .filter(({ replacedBy }) => replacedBy === state)
    .map(({ name }) => name);
}

function statesNamedIn({ states, transitions }: ChainType): string[] {
  return [...states.map(({ name }) => name), ...transitions.map(({ finalState }) => finalState)];
}

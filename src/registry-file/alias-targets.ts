import { type Alias, type Document, isAlias, isCollection, isPair, type Node } from "yaml";

/** What each alias of a document stands for. */
export type AliasTargets = ReadonlyMap<Alias, Node>;

export interface AliasProblem {
  readonly alias: Alias;
  readonly message: string;
}

/** The aliases of one file may stand for this many nodes: about as many as a file of 1 MiB can have without them. */
const MAX_EXPANDED_NODES = 100_000;

/**
 * Finds every alias's anchor in one pass over the document. Nothing is expanded, only counted: a few lines of aliases to
 * aliases cost no more than they look, and are refused.
 */
export function resolveAliases(document: Document): { targets: AliasTargets; problems: AliasProblem[] } {
  const anchors = new Map<string, Node>();
  const sizes = new Map<Node, number>();
  const targets = new Map<Alias, Node>();
  const problems: AliasProblem[] = [];
  let expanded = 0;

  /** The number of nodes that a node stands for. */
  const measure = (node: unknown): number => {
    if (isAlias(node)) return measureAlias(node);
    if (isPair(node)) return measure(node.key) + measure(node.value);
    const anchored = node as Node | null;
    if (anchored?.anchor) anchors.set(anchored.anchor, anchored);
    const size = isCollection(node) ? node.items.reduce<number>((sum, item) => sum + measure(item), 1) : 1;
    if (anchored?.anchor) sizes.set(anchored, size);
    return size;
  };

  const measureAlias = (alias: Alias): number => {
    const target = anchors.get(alias.source);
    const size = target && sizes.get(target);
    if (!target) {
      problems.push({ alias, message: `alias *${alias.source} has no anchor &${alias.source} before it` });
    } else if (size === undefined) {
      problems.push({ alias, message: `alias *${alias.source} lies within its own anchor` });
    } else {
      targets.set(alias, target);
      const before = expanded;
      expanded += size;
      if (before <= MAX_EXPANDED_NODES && expanded > MAX_EXPANDED_NODES) {
        problems.push({
          alias,
          message: `the aliases up to here stand for more than ${MAX_EXPANDED_NODES} nodes`,
        });
      }
    }
    return size ?? 1;
  };

  measure(document.contents);
  return { targets, problems };
}

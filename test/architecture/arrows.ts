import { importsOf, type SourceFile } from "./source-file.ts";

/** What the files of each folder of src may import of ours, besides their own folder (docs/design.md, section 5). */
const arrows: ReadonlyMap<string, readonly string[]> = new Map([
  ["domain", []],
  ["store", ["domain"]],
  ["outbound", ["domain", "gen"]],
  ["engine", ["domain", "store", "outbound"]],
  ["rpc", ["engine", "domain", "gen", "observability"]],
  ["workers", ["engine", "store", "outbound"]],
  ["observability", []],
  ["registry-file", ["domain", "gen"]],
]);

/** All that the pure core may import from outside. */
const domainPackages = ["node:crypto"];

/** Every import of these files that goes against the arrows, in words. */
export function findWrongArrows(sources: readonly SourceFile[]): string[] {
  return sources.flatMap((source) => {
    const from = layerOf(source.path);
    // The root files put all parts together.
    if (from === "src") return [];
    const allowed = arrows.get(from);
    if (!allowed) return [`${source.path} is in a folder that has no arrows yet`];
    return importsOf(source)
      .filter((imported) => {
        const to = layerOf(imported);
        if (to === imported) return from === "domain" && !domainPackages.includes(imported);
        return to !== from && !allowed.includes(to);
      })
      .map((imported) => `${source.path} imports ${imported}`);
  });
}

/** The part that a path belongs to: a folder of src, `src` for its root files, `gen`, or the name of a package itself. */
function layerOf(path: string): string {
  const [first = "", second = "", ...rest] = path.split("/");
  if (first === "src") return rest.length > 0 ? second : "src";
  return path.endsWith(".ts") ? first : path;
}

import { importsOf, type SourceFile } from "./source-file.ts";

/** Every import that closes a cycle among these files, as the way round; none if there are no cycles. */
export function findImportCycles(sources: readonly SourceFile[]): string[] {
  const imports = new Map(sources.map((source) => [source.path, importsOf(source)]));
  const finished = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, way: readonly string[]) => {
    const start = way.indexOf(path);
    if (start >= 0) cycles.push([...way.slice(start), path].join(" -> "));
    if (start >= 0 || finished.has(path)) return;
    for (const imported of imports.get(path) ?? []) visit(imported, [...way, path]);
    finished.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  return cycles;
}

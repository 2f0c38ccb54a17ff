import { readdirSync, readFileSync } from "node:fs";

import { join, posix } from "node:path";

/** A TypeScript file, by its path from the repository's root. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

const root = join(import.meta.dirname, "../..");

/** Every TypeScript file of a folder, in all its folders. */
export function readSources(folder: string): SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => posix.join(folder, name))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

/** The text of a file without its comments, which may speak of what code may not do. */
export function withoutComments(text: string): string {
  const stringOrComment =
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/.*/g;
  return text.replace(stringOrComment, (_, string: string | undefined) => string ?? "");
}

/** What a file imports, types too: packages by name, our own files by their path from the repository's root. */
export function importsOf({ path, text }: SourceFile): string[] {
  const code = withoutComments(text);
  const statements = code.matchAll(/^\s*(?:import|export)\s(?:[^"'`;]*?\sfrom\s*)?["']([^"']+)["']/gm);
  const expressions = code.matchAll(/\bimport\s*\(\s*["'`]([^"'`]+)["'`]/g);
  return [...statements, ...expressions].map(([, specifier = ""]) =>
    specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : specifier,
  );
}

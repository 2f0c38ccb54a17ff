import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** One change of the sources. */
export interface Edit {
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** A bug that takes one guard of the service away, as somebody might who does not know what it is for. */
export interface SeededBug {
  /** In kebab-case; says what goes wrong. */
  readonly name: string;
  /** What holds without the bug. */
  readonly guard: string;
  /** Together they are the one bug. */
  readonly edits: readonly Edit[];
  /** The test files that are to catch it; some of their tests are not touched by it, which shows that the service still works. */
  readonly tests: readonly string[];
}

/** Edits whose text is not exactly once in its file: what they were to change has moved. */
export function staleEdits(bug: SeededBug, root: string): readonly Edit[] {
  return bug.edits.filter(({ file, find }) => occurrences(textOf(join(root, file)), find) !== 1);
}

/** Puts a bug into the sources under a folder; returns what takes it out again. */
export function seed(bug: SeededBug, root: string): () => void {
  const before = new Map(bug.edits.map(({ file }) => [file, textOf(join(root, file))]));
  const after = new Map(before);
  for (const { file, find, replace } of bug.edits)
    after.set(file, (after.get(file) ?? "").split(find).join(replace));
  write(root, after);
  return () => write(root, before);
}

function write(root: string, texts: ReadonlyMap<string, string>): void {
  for (const [file, text] of texts) writeFileSync(join(root, file), text);
}

function occurrences(text: string, part: string): number {
  return text.split(part).length - 1;
}

/** Empty for a file that is not there. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

/** One thing that is wrong with a registry file, and where: lines and columns count from 1. */
export interface FileProblem {
  readonly line: number;
  readonly column: number;
  /** Path from the file's root in lowerCamelCase, such as `chainTypes[0].states[2]`; empty for the file itself. */
  readonly path: string;
  readonly message: string;
}

/** In the file's order, so that a reader can follow them from top to bottom. */
export function inFileOrder(problems: readonly FileProblem[]): FileProblem[] {
  return [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
}

import type { FileProblem } from "./file-problem.ts";

const MAX_PRINTED = 1000;

/**
 * The problems as a person reads them, one a line: `config.yaml:12:7 chainTypes[0].states[2]: message`. Beyond 1000, the
 * last line tells how many more there are, so that a file of another kind does not flood the log.
 */
export function formatProblems(path: string, problems: readonly FileProblem[]): string {
  const lines = problems.slice(0, MAX_PRINTED).map((problem) => {
    const field = problem.path === "" ? "" : ` ${problem.path}`;
    return `${path}:${problem.line}:${problem.column}${field}: ${problem.message}`;
  });
  const more = problems.length - lines.length;
  return (more > 0 ? [...lines, `${path}: and ${more} more problems`] : lines).join("\n");
}

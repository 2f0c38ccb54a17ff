import { type Document, LineCounter, type ParsedNode, parseDocument, type YAMLError } from "yaml";
import { type AliasTargets, resolveAliases } from "./alias-targets.ts";
import type { FileProblem } from "./file-problem.ts";

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A file that is good YAML, before anybody asks what it says. */
export interface ReadDocument {
  readonly root: ParsedNode | null;
  readonly aliases: AliasTargets;
  positionOf(offset: number): Position;
}

export type ReadDocumentResult =
  | { kind: "ok"; document: ReadDocument }
  | { kind: "invalid"; problems: FileProblem[] };

/**
 * Reads one document of YAML 1.2 with its core schema: no merge keys, and no tags but the core schema's own. All errors
 * of syntax are reported at once.
 */
export function readDocument(text: string): ReadDocumentResult {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    version: "1.2",
    schema: "core",
    merge: false,
    resolveKnownTags: false,
    prettyErrors: false,
    // The library compares every key with every other; the reader of the nodes finds repeated keys in one pass.
    uniqueKeys: false,
    // "silent" would also hide that there is more than one document.
    logLevel: "error",
    lineCounter,
  });
  const positionOf = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const syntax = syntaxProblems(document).map(({ code, message, pos }) => ({
    ...positionOf(pos[0]),
    path: "",
    message: say(code, message),
  }));
  if (syntax.length > 0) return { kind: "invalid", problems: syntax };

  const { targets, problems } = resolveAliases(document);
  if (problems.length === 0) {
    return { kind: "ok", document: { root: document.contents, aliases: targets, positionOf } };
  }
  return {
    kind: "invalid",
    problems: problems.map(({ alias, message }) => ({
      ...positionOf(alias.range?.[0] ?? 0),
      path: "",
      message,
    })),
  };
}

/** A file nested beyond the parser's means repeats that error once for every level. */
function syntaxProblems({ errors, warnings }: Document.Parsed): YAMLError[] {
  const exhausted = errors.find(({ code }) => code === "RESOURCE_EXHAUSTION");
  return exhausted ? [exhausted] : [...errors, ...warnings];
}

function say(code: YAMLError["code"], message: string): string {
  switch (code) {
    case "RESOURCE_EXHAUSTION":
      return "the file is nested too deeply";
    case "MULTIPLE_DOCS":
      return "a second document begins here: the file must be one document";
    case "TAG_RESOLVE_FAILED":
      return `${message}: only the tags of the YAML 1.2 core schema are known`;
    default:
      return message;
  }
}

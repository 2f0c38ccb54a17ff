import { fromJson } from "@bufbuild/protobuf";
import { isScalar } from "yaml";
import { type RegistryFile, RegistryFileSchema } from "../../gen/ts/dispatcher/v1/registry_file_pb.ts";
import {
  type CheckDefinition,
  type CheckEndpoint,
  reportDefinitionProblems,
  reportEndpointProblems,
} from "./check-definitions.ts";
import { reportBrokenReferences } from "./check-references.ts";
import { parseFieldPath } from "./field-path.ts";
import { type FileProblem, inFileOrder } from "./file-problem.ts";
import { type Position, type ReadDocument, readDocument } from "./read-document.ts";
import { readMessage } from "./read-message.ts";
import { readText } from "./read-text.ts";
import { Reading } from "./reading.ts";
import { reportViolations } from "./rule-violations.ts";

export type ParsedRegistryFile =
  | {
      kind: "ok";
      file: RegistryFile;
      /**
       * Where a field stands, or the nearest thing around it; undefined in an empty file. The path is as in a problem, or
       * with names in snake_case: `chain_types[0].transitions[1].validator.url`.
       */
      locate(path: string): Position | undefined;
    }
  | { kind: "invalid"; problems: FileProblem[] };

/**
 * Reads a registry file: YAML 1.2 core, in the protojson form of RegistryFile. An empty file is a file that registers
 * nothing.
 *
 * All problems are reported at once, in the file's order: what cannot be read, what breaks a field rule of the API, what
 * `check` finds in a chain type and `checkEndpoint` in the URL of a registered validator or callback, and what the parts
 * of the file contradict each other in. Only errors of YAML itself come alone, since nothing after them can be trusted.
 */
export function parseRegistryFile(
  text: string | Buffer,
  check: CheckDefinition,
  checkEndpoint: CheckEndpoint = () => undefined,
): ParsedRegistryFile {
  const read = readText(text);
  if (read.kind === "invalid") return { kind: "invalid", problems: [read.problem] };
  const parsed = readDocument(read.text);
  if (parsed.kind === "invalid") return { kind: "invalid", problems: inFileOrder(parsed.problems) };

  const reading = new Reading(parsed.document);
  const file = readFile(reading, parsed.document);
  reportViolations(reading, file);
  reportDefinitionProblems(reading, file, check);
  reportEndpointProblems(reading, file, checkEndpoint);
  reportBrokenReferences(reading, file);
  return reading.problems.length > 0
    ? { kind: "invalid", problems: inFileOrder(reading.problems) }
    : { kind: "ok", file, locate: (path) => reading.locate(parseFieldPath(path)) };
}

function readFile(reading: Reading, { root }: ReadDocument): RegistryFile {
  if (isNothing(reading.follow(root))) return fromJson(RegistryFileSchema, {});
  reading.place([], root);
  return fromJson(RegistryFileSchema, readMessage(reading, RegistryFileSchema, root, []));
}

/** Blank, only comments, or a bare `---`. */
function isNothing(root: unknown): boolean {
  return root === null || (isScalar(root) && root.value === null);
}

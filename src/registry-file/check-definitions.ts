import type { ChainType } from "../../gen/ts/dispatcher/v1/chain_type_pb.ts";
import type { RegistryFile } from "../../gen/ts/dispatcher/v1/registry_file_pb.ts";
import type { FieldProblem } from "../domain/refusal.ts";
import { type FieldPath, parseFieldPath } from "./field-path.ts";
import type { Reading } from "./reading.ts";

/**
 * What is inconsistent in a chain type, with paths from the chain type. It is also asked about chain types that break a
 * field rule outside of their names, and must not throw on them.
 */
export type CheckDefinition = (chainType: ChainType) => readonly FieldProblem[];

/** What is wrong with the URL of a registered validator or callback, in words; undefined if nothing is. */
export type CheckEndpoint = (url: string) => string | undefined;

/**
 * Reports what the check finds, chain type by chain type, except where something was reported before. A chain type with
 * bad names is not checked: everything that refers to such a name would be blamed as well.
 */
export function reportDefinitionProblems(reading: Reading, file: RegistryFile, check: CheckDefinition): void {
  file.chainTypes.forEach((chainType, index) => {
    const root = ["chainTypes", index];
    if (namingFields(chainType).some((field) => reading.isDoubtful([...root, ...field]))) return;
    for (const { field, message } of check(chainType)) {
      const path = [...root, ...parseFieldPath(field)];
      if (!reading.isDoubtful(path)) reading.report(path, message);
    }
  });
}

/** Reports what the check finds in `validators` and `callbacks`, except where something was reported before. */
export function reportEndpointProblems(reading: Reading, file: RegistryFile, check: CheckEndpoint): void {
  for (const list of ["validators", "callbacks"] as const) {
    file[list].forEach(({ endpoint }, index) => {
      const path = [list, index, "endpoint"];
      if (reading.isDoubtful(path)) return;
      const message = check(endpoint);
      if (message !== undefined) reading.report(path, message);
    });
  }
}

/** The fields that say which states there are and how they hang together. */
function namingFields({ transitions, states }: ChainType): FieldPath[] {
  return [
    ["name"],
    ["transitions"],
    ...transitions.flatMap((_, index) => [
      ["transitions", index, "name"],
      ["transitions", index, "finalState"],
    ]),
    ["states"],
    ...states.flatMap((state, index) => [
      ["states", index, "name"],
      ["states", index, "replacedBy"],
      ["states", index, "transitions"],
      ...state.transitions.map((_, place) => ["states", index, "transitions", place]),
    ]),
  ];
}

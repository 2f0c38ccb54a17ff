import type { RegistryFile } from "../../gen/ts/dispatcher/v1/registry_file_pb.ts";
import type { FieldPath } from "./field-path.ts";
import { quoted } from "./quoted.ts";
import type { Reading } from "./reading.ts";

/** Reports what the parts of a file contradict each other in, except where something was reported before. */
export function reportBrokenReferences(reading: Reading, file: RegistryFile): void {
  reportRepeatedChainTypes(reading, file);
  for (const list of ["validators", "callbacks"] as const) {
    reportUnknownTransitions(reading, file, list);
    reportRepeatedRegistrations(reading, file, list);
  }
}

type RegistrationList = "validators" | "callbacks";

function reportRepeatedChainTypes(reading: Reading, { chainTypes }: RegistryFile): void {
  const seen = new Map<string, number>();
  chainTypes.forEach(({ name }, index) => {
    const path = ["chainTypes", index, "name"];
    if (reading.isDoubtful(path)) return;
    const first = seen.get(name);
    if (first === undefined) seen.set(name, index);
    else reading.report(path, `chain type ${quoted(name)} is already defined in chainTypes[${first}]`);
  });
}

/** A chain type that is not in the file may be registered already: that is for the registration to find out. */
function reportUnknownTransitions(reading: Reading, file: RegistryFile, list: RegistrationList): void {
  const transitionsByType = new Map(
    file.chainTypes
      .filter(({ transitions }, type) =>
        [["transitions"], ...transitions.map((_, index) => ["transitions", index, "name"])].every(
          (field) => !reading.isDoubtful(["chainTypes", type, ...field]),
        ),
      )
      .map(({ name, transitions }) => [name, new Set(transitions.map((transition) => transition.name))]),
  );
  file[list].forEach(({ chainType, transitions }, index) => {
    const known = transitionsByType.get(chainType);
    if (!known) return;
    transitions.forEach((transition, place) => {
      const path = [list, index, "transitions", place];
      if (known.has(transition) || reading.isDoubtful(path)) return;
      reading.report(path, `chain type ${quoted(chainType)} has no transition ${quoted(transition)}`);
    });
  });
}

/** Of two registrations of one transition only one could be in force, and nothing says which one was meant. */
function reportRepeatedRegistrations(reading: Reading, file: RegistryFile, list: RegistrationList): void {
  const seen = new Map<string, number>();
  file[list].forEach(({ chainType, transitions }, index) => {
    const places: { name: string; path: FieldPath }[] =
      transitions.length === 0
        ? [{ name: "", path: [list, index] }]
        : transitions.map((name, place) => ({ name, path: [list, index, "transitions", place] }));
    for (const { name, path } of places) {
      if (reading.isDoubtful(path) || reading.isDoubtful([list, index, "chainType"])) continue;
      const key = JSON.stringify([chainType, name]);
      const first = seen.get(key) ?? index;
      seen.set(key, first);
      if (first === index) continue;
      const what = name === "" ? "every transition" : `transition ${quoted(name)}`;
      reading.report(path, `${what} of chain type ${quoted(chainType)} is already in ${list}[${first}]`);
    }
  });
}

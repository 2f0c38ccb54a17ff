import { createValidator, type Violation } from "@bufbuild/protovalidate";
import { type RegistryFile, RegistryFileSchema } from "../../gen/ts/dispatcher/v1/registry_file_pb.ts";
import { fieldPathFromViolation } from "./field-path.ts";
import type { Reading } from "./reading.ts";

const validator = createValidator();

/** Reports every field rule of the API that the file breaks, except where something was reported before. */
export function reportViolations(reading: Reading, file: RegistryFile): void {
  const result = validator.validate(RegistryFileSchema, file);
  if (result.kind === "error") throw result.error;
  const found = (result.violations ?? [])
    .map((violation) => ({ path: fieldPathFromViolation(violation.field), violation }))
    .filter(({ path }) => !reading.isDoubtful(path));
  for (const { path, violation } of found) {
    reading.report(path, reading.has(path) ? inWords(violation) : "is missing");
  }
  for (const { path } of found) reading.doubt(path);
}

function inWords({ field, message, ruleId }: Violation): string {
  const last = field.at(-1);
  if (last?.kind === "field" && last.enum && ruleId === "enum.not_in") {
    return `must be one of ${last.enum.values.flatMap(({ name, number }) => (number === 0 ? [] : [name])).join(", ")}`;
  }
  return message;
}

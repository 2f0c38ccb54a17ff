import type { Path } from "@bufbuild/protobuf/reflect";

/** Way from the file's root to a field or an element: names in lowerCamelCase and indices. */
export type FieldPath = readonly (string | number)[];

/** `chainTypes[0].finalState`. */
export function printFieldPath(path: FieldPath): string {
  return path
    .map((step, place) => (typeof step === "number" ? `[${step}]` : `${place > 0 ? "." : ""}${step}`))
    .join("");
}

/** Reads what printFieldPath prints, and the same with the names in snake_case, as field paths of the API have them. */
export function parseFieldPath(text: string): FieldPath {
  return [...text.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([name, index]) =>
    index === undefined ? camelCase(name) : Number(index),
  );
}

/** The path of a rule's violation. */
export function fieldPathFromViolation(path: Path): FieldPath {
  return path.flatMap<string | number>((step) => {
    if (step.kind === "list_sub") return [step.index];
    return step.kind === "field" ? [step.jsonName] : [];
  });
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

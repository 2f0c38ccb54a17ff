/** What a protobuf Struct holds, as plain JavaScript. Numbers are doubles. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

const MAX_DEPTH = 100;

/**
 * Says why a value cannot be stored and given back unchanged, or nothing if it can.
 *
 * PostgreSQL has no U+0000, UTF-8 no lone surrogates and JSON no NaN or infinities; the depth is what the other languages'
 * protobuf libraries read.
 */
export function findUnstorable(value: JsonValue, path = "", depth = 0): string | undefined {
  const place = path || "the value";
  if (depth > MAX_DEPTH) return `${place} is nested more than ${MAX_DEPTH} deep`;
  if (typeof value === "string") return unstorableText(value, place);
  if (typeof value === "number")
    return Number.isFinite(value) ? undefined : `${place} is ${value}, which JSON cannot hold`;
  if (value === null || typeof value !== "object") return undefined;
  for (const [key, child] of Object.entries(value)) {
    const problem =
      unstorableText(key, `a key of ${place}`) ??
      findUnstorable(child, path ? `${path}.${key}` : key, depth + 1);
    if (problem) return problem;
  }
  return undefined;
}

function unstorableText(text: string, place: string): string | undefined {
  if (text.includes("\0")) return `${place} contains U+0000`;
  return text.isWellFormed() ? undefined : `${place} contains a lone surrogate`;
}

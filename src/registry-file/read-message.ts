import type { DescField, DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf";
import { isMap, isScalar, isSeq, type Node, type Pair } from "yaml";
import type { FieldPath } from "./field-path.ts";
import { quoted } from "./quoted.ts";
import { type Leaf, readLeaf } from "./read-leaf.ts";
import type { Reading } from "./reading.ts";
import { similarName } from "./similar-name.ts";

/**
 * The protojson form of a message, field by field along its descriptor. What cannot be read is reported and left out, so
 * that the rest is always a message; a bad element of a list becomes an empty one, so that the others keep their places.
 */
export function readMessage(
  reading: Reading,
  schema: DescMessage,
  found: unknown,
  path: FieldPath,
): JsonObject {
  const node = reading.follow(found);
  const message: JsonObject = {};
  if (!isMap(node)) {
    reading.report(path, `must be a mapping with keys such as ${schema.fields[0]?.jsonName}`, node);
    reading.doubt(path);
    return message;
  }
  const meant: FieldPath[] = [];
  for (const pair of node.items) {
    const key = reading.follow(pair.key);
    const field = fieldOf(schema, key);
    if (!field) {
      const similar = reportUnknownKey(reading, schema, key, path);
      if (similar) meant.push([...path, similar]);
      continue;
    }
    const fieldPath = [...path, field.jsonName];
    if (reading.has(fieldPath)) {
      reading.report(fieldPath, `key ${quoted(textOf(key))} is given twice`, key);
      continue;
    }
    const value = readField(reading, field, pair, fieldPath);
    if (value !== undefined) message[field.jsonName] = value;
  }
  for (const field of meant) if (!reading.has(field)) reading.doubt(field);
  return message;
}

function readField(reading: Reading, field: DescField, pair: Pair, path: FieldPath): JsonValue | undefined {
  const node = reading.follow(pair.value);
  // An alias is placed where its content stands: that is what has to be changed.
  reading.place(path, node ?? reading.follow(pair.key));
  if (isScalar(node) ? node.value === null : node === null) return readNothing(reading, field, node, path);
  switch (field.fieldKind) {
    case "list":
      return readList(reading, field, node, path);
    case "map":
      throw new Error(`${field} cannot be read from a registry file`);
    default:
      return readValue(reading, field, node, path);
  }
}

/** `null` means "not set", as in protojson. An empty place may be a value that was forgotten, except in a list. */
function readNothing(reading: Reading, field: DescField, node: Node | null, path: FieldPath): undefined {
  const written = isScalar(node) && node.source !== undefined && node.source !== "";
  if (written || field.fieldKind === "list") return;
  const remedy = field.fieldKind === "message" ? "give it one ({} if it takes all defaults)" : "give it one";
  reading.report(path, `has no value: ${remedy}, or remove the key`, node);
  reading.doubt(path);
}

function readList(
  reading: Reading,
  field: DescField & { fieldKind: "list" },
  node: Node | null,
  path: FieldPath,
): JsonValue | undefined {
  if (!isSeq(node)) {
    reading.report(path, "must be a list, each element on a line of its own after a dash", node);
    reading.doubt(path);
    return;
  }
  return node.items.map((item, index) => {
    const elementPath = [...path, index];
    const element = reading.follow(item);
    reading.place(elementPath, element);
    return readValue(reading, field, element, elementPath) ?? "";
  });
}

function readValue(
  reading: Reading,
  field: DescField,
  node: Node | null,
  path: FieldPath,
): JsonValue | undefined {
  const leaf = readLeaf(field, node);
  return leaf.kind === "message"
    ? readMessage(reading, leaf.schema, node, path)
    : acceptLeaf(reading, leaf, node, path);
}

function acceptLeaf(
  reading: Reading,
  leaf: Exclude<Leaf, { kind: "message" }>,
  node: Node | null,
  path: FieldPath,
): JsonValue | undefined {
  if (leaf.kind === "ok") return leaf.value;
  reading.report(path, leaf.message, node);
  reading.doubt(path);
  return leaf.instead;
}

function fieldOf(schema: DescMessage, key: Node | null): DescField | undefined {
  const name = textOf(key);
  return schema.fields.find((field) => field.name === name || field.jsonName === name);
}

/** Returns the field that was most likely meant. */
function reportUnknownKey(
  reading: Reading,
  schema: DescMessage,
  key: Node | null,
  path: FieldPath,
): string | undefined {
  const name = textOf(key);
  const known = schema.fields.map(({ jsonName }) => jsonName);
  const similar = similarName(name, known);
  const hint =
    name === "<<"
      ? "YAML 1.2 has no merge keys, so repeat what is to be merged"
      : similar
        ? `did you mean ${quoted(similar)}?`
        : `the keys here are ${known.join(", ")}`;
  reading.report(path, `unknown key ${quoted(name)}: ${hint}`, key);
  return similar;
}

function textOf(key: Node | null): string {
  return isScalar(key) ? String(key.value) : "";
}

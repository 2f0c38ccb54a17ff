import {
  type DescEnum,
  type DescField,
  type DescMessage,
  fromJson,
  type JsonValue,
  ScalarType,
} from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { isScalar, type Node } from "yaml";
import { quoted } from "./quoted.ts";
import { similarName } from "./similar-name.ts";

export type Leaf =
  | { kind: "ok"; value: JsonValue }
  /** `instead` keeps what is judged later from taking the field for one that is not there. */
  | { kind: "invalid"; message: string; instead?: JsonValue }
  /** No leaf: a message to be read key by key. */
  | { kind: "message"; schema: DescMessage };

/** One value of a field, or one element of a list, by itself: what protojson makes of it, or in words why it cannot. */
export function readLeaf(field: DescField, node: Node | null): Leaf {
  const value = isScalar(node) ? node.value : undefined;
  if (field.enum) return readEnum(field.enum, value);
  if (field.message?.typeName === DurationSchema.typeName) return readDuration(value);
  if (field.message) return { kind: "message", schema: field.message };
  if (field.scalar === ScalarType.STRING) return readString(value);
  throw new Error(`${field} cannot be read from a registry file`);
}

function readString(value: unknown): Leaf {
  if (typeof value !== "string") {
    const remedy = typeof value === "number" || typeof value === "boolean" ? ": put it in quotes" : "";
    return { kind: "invalid", message: `must be text${remedy}` };
  }
  if (!value.isWellFormed())
    return { kind: "invalid", message: "must be Unicode text: it has half a surrogate pair" };
  return { kind: "ok", value };
}

function readEnum({ values }: DescEnum, value: unknown): Leaf {
  const named = values.find(({ name, number }) => name === value || number === value);
  if (named) return { kind: "ok", value: named.name };
  const choice = values.filter(({ number }) => number !== 0);
  const written = typeof value === "string" ? value : "";
  const shortNames = choice.map(({ localName }) => localName);
  const similar = choice[shortNames.indexOf(similarName(written, shortNames) ?? "")]?.name;
  const hint =
    similar ??
    similarName(
      written,
      choice.map(({ name }) => name),
    );
  const message = hint
    ? `${quoted(written)} is not a value of this field: did you mean ${hint}?`
    : `must be one of ${choice.map(({ name }) => name).join(", ")}`;
  return { kind: "invalid", message };
}

function readDuration(value: unknown): Leaf {
  if (typeof value === "string" && isDuration(value)) return { kind: "ok", value };
  const seconds = secondsIn(value);
  const hint = seconds === undefined ? 'such as "2.5s"' : `in seconds: "${seconds}s"`;
  return { kind: "invalid", message: `must be a duration ${hint}`, instead: "1s" };
}

function isDuration(text: string): boolean {
  try {
    fromJson(DurationSchema, text);
    return true;
  } catch {
    return false;
  }
}

const SECONDS = new Map([
  ["ms", 0.001],
  ["", 1],
  ["m", 60],
  ["min", 60],
  ["h", 3600],
  ["d", 86_400],
  ["w", 604_800],
]);

/** What people write who know other notations: `2d`, `500ms`, `30`. */
function secondsIn(value: unknown): number | undefined {
  const [, amount, unit] = /^(\d{1,9}(?:\.\d{1,6})?) ?([a-z]*)$/.exec(String(value)) ?? [];
  const factor = SECONDS.get(unit ?? "");
  if (amount === undefined || factor === undefined) return undefined;
  return Math.round(Number(amount) * factor * 1000) / 1000;
}

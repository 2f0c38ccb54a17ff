import type { DescEnum, DescField, DescMessage, DescOneof } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { findUnstorable, type JsonValue } from "../domain/json.ts";

export interface ValueProblem {
  /** Path from the checked value; empty if it is the value itself. */
  readonly field: string;
  readonly message: string;
  readonly tooLarge?: boolean;
}

/** What is wrong with a value, up to some hundred problems. `measure` is false if no Struct in it can be too large. */
export type Check = (value: unknown, measure: boolean) => readonly ValueProblem[] | undefined;

const MAX_PAYLOAD_BYTES = 1024 * 1024;
/** More of them help nobody, and a list of a million bad values must not take long to refuse. */
const MAX_PROBLEMS = 100;
const MIN_SECONDS = BigInt(Date.parse("0001-01-01T00:00:00Z") / 1000);
const MAX_SECONDS = BigInt(Date.parse("9999-12-31T23:59:59Z") / 1000);

/** Compiles what holds for every field of a message, whatever its own rules are, down to the last nested field. */
export function checkOf(schema: DescMessage): Check {
  return messageCheck(schema, new Map()) ?? (() => undefined);
}

/** Undefined if nothing can be wrong. */
function messageCheck(schema: DescMessage, known: Map<DescMessage, Check>): Check | undefined {
  switch (schema.typeName) {
    case "google.protobuf.Struct":
      return checkStruct;
    case "google.protobuf.Timestamp":
      return checkTimestamp;
  }
  const recursive = known.get(schema);
  if (recursive) return recursive;

  const checks: Check[] = [];
  known.set(schema, (value, measure) => runAll(checks, value, measure));
  for (const member of schema.members) {
    const check = member.kind === "oneof" ? oneofCheck(member, known) : memberCheck(member, known);
    if (check) checks.push(check);
  }
  return checks.length > 0 ? (value, measure) => runAll(checks, value, measure) : undefined;
}

function runAll(checks: readonly Check[], value: unknown, measure: boolean): ValueProblem[] | undefined {
  let all: ValueProblem[] | undefined;
  for (const check of checks) {
    all = add(all, check(value, measure));
    if (isEnough(all)) break;
  }
  return all;
}

function memberCheck(field: DescField, known: Map<DescMessage, Check>): Check | undefined {
  const check = fieldCheck(field, known);
  if (!check) return undefined;
  return (message, measure) => {
    const value = property(message, field.localName);
    if (value === undefined) return undefined;
    return under(field.name, check(value, measure));
  };
}

function oneofCheck(oneof: DescOneof, known: Map<DescMessage, Check>): Check | undefined {
  const members = new Map<unknown, { name: string; check: Check }>();
  for (const field of oneof.fields) {
    const check = fieldCheck(field, known);
    if (check) members.set(field.localName, { name: field.name, check });
  }
  if (members.size === 0) return undefined;
  return (message, measure) => {
    const selected = property(message, oneof.localName);
    const member = members.get(property(selected, "case"));
    return member && under(member.name, member.check(property(selected, "value"), measure));
  };
}

function fieldCheck(field: DescField, known: Map<DescMessage, Check>): Check | undefined {
  switch (field.fieldKind) {
    case "scalar":
      return field.scalar === ScalarType.STRING ? checkText : undefined;
    case "enum":
      return enumCheck(field.enum);
    case "message":
      return messageCheck(field.message, known);
    case "list":
      return listCheck(elementCheck(field, known));
    case "map":
      return mapCheck(elementCheck(field, known));
  }
}

function elementCheck(
  field: Extract<DescField, { fieldKind: "list" | "map" }>,
  known: Map<DescMessage, Check>,
): Check | undefined {
  if (field.message) return messageCheck(field.message, known);
  if (field.enum) return enumCheck(field.enum);
  return field.scalar === ScalarType.STRING ? checkText : undefined;
}

function listCheck(check: Check | undefined): Check | undefined {
  if (!check) return undefined;
  return (list, measure) => {
    let all: ValueProblem[] | undefined;
    const values = list as readonly unknown[];
    for (let index = 0; index < values.length && !isEnough(all); index += 1) {
      const problems = check(values[index], measure);
      if (problems) all = add(all, under(`[${index}]`, problems));
    }
    return all;
  };
}

function mapCheck(check: Check | undefined): Check {
  return (map, measure) => {
    let all: ValueProblem[] | undefined;
    for (const [key, value] of Object.entries(map as Record<string, unknown>)) {
      const problems = add(checkText(key)?.slice(), check?.(value, measure));
      if (problems) all = add(all, under(`[${JSON.stringify(key)}]`, problems));
      if (isEnough(all)) break;
    }
    return all;
  };
}

function enumCheck(desc: DescEnum): Check {
  return (value) =>
    desc.value[value as number]
      ? undefined
      : [{ field: "", message: `${value} is not a value of ${desc.name}` }];
}

function checkText(value: unknown): readonly ValueProblem[] | undefined {
  const text = value as string;
  if (text.includes("\0")) return [{ field: "", message: "must not contain U+0000" }];
  return text.isWellFormed() ? undefined : [{ field: "", message: "must not contain a lone surrogate" }];
}

function checkTimestamp(value: unknown): readonly ValueProblem[] | undefined {
  const { seconds, nanos } = value as { seconds: bigint; nanos: number };
  if (seconds < MIN_SECONDS || seconds > MAX_SECONDS)
    return [{ field: "", message: "must be in the years 1 to 9999" }];
  return nanos >= 0 && nanos < 1e9 ? undefined : [{ field: "", message: "nanos must be 0 to 999999999" }];
}

/** protobuf-es has a Struct field as the plain JSON object that it stands for. */
function checkStruct(value: unknown, measure: boolean): readonly ValueProblem[] | undefined {
  const json = value as JsonValue;
  const unstorable = findUnstorable(json);
  if (unstorable) return [{ field: "", message: unstorable }];
  if (!measure || Buffer.byteLength(JSON.stringify(json)) <= MAX_PAYLOAD_BYTES) return undefined;
  return [{ field: "", message: "is above 1 MiB as JSON", tooLarge: true }];
}

function add(
  all: ValueProblem[] | undefined,
  more: readonly ValueProblem[] | undefined,
): ValueProblem[] | undefined {
  if (!more) return all;
  if (!all) return [...more];
  all.push(...more);
  return all;
}

function isEnough(problems: readonly ValueProblem[] | undefined): boolean {
  return problems !== undefined && problems.length >= MAX_PROBLEMS;
}

function under(name: string, problems: readonly ValueProblem[] | undefined): ValueProblem[] | undefined {
  return problems?.map((problem) => ({ ...problem, field: join(name, problem.field) }));
}

function join(name: string, rest: string): string {
  return rest === "" || rest.startsWith("[") ? name + rest : `${name}.${rest}`;
}

function property(of: unknown, name: string): unknown {
  return (of as Record<string, unknown>)[name];
}

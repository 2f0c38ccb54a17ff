import {
  create,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  type MessageInitShape,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";

/** Writes a value of one type; for a field, its tag too. */
type Write = (writer: BinaryWriter, value: never) => void;
type WriteField = (writer: BinaryWriter, message: Readonly<Record<string, never>>) => void;

/** A writer that has grown beyond this is not kept. */
const MAX_KEPT_BYTES = 64 * 1024;

let writer = new BinaryWriter();
const known = new Map<DescMessage, Write>();

/**
 * The bytes of the message that `create` would make of this, without making it.
 *
 * An answer is written once and thrown away. By `create` and `toBinary` that costs 10 us more for each Execute: a second object
 * for each message, and a buffer that grows anew each time. This knows the kinds of fields that answers are made
 * of, and leaves messages with any other to the library.
 */
export function encodeAnswer<D extends DescMessage>(schema: D, answer: MessageInitShape<D>): Uint8Array {
  try {
    writerOf(schema)(writer, answer as never);
    const bytes = writer.finish();
    if (bytes.length > MAX_KEPT_BYTES) writer = new BinaryWriter();
    return bytes;
  } catch {
    writer = new BinaryWriter();
    // Throws too, and says which field it is.
    return toBinary(schema, create(schema, answer));
  }
}

function writerOf(schema: DescMessage): Write {
  const before = known.get(schema);
  if (before) return before;
  // For a message within itself.
  known.set(schema, (writer, value) => write(writer, value));
  const write = compile(schema);
  known.set(schema, write);
  return write;
}

function compile(schema: DescMessage): Write {
  if (schema.typeName === "google.protobuf.Struct") return writeStruct;
  const fields: WriteField[] = [];
  for (const field of schema.fields.toSorted((one, other) => one.number - other.number)) {
    const write = fieldWriter(field);
    if (!write) return (writer, value) => writer.raw(toBinary(schema, create(schema, value)));
    fields.push(write);
  }
  return (writer, message) => {
    for (const write of fields) write(writer, message);
  };
}

function fieldWriter(field: DescField): WriteField | undefined {
  const name = field.localName;
  const write = valueWriter(field);
  if (!write) return undefined;
  if (field.fieldKind === "list") {
    return (writer, message) => {
      const list = message[name] as readonly never[] | undefined;
      if (list) for (const value of list) write(writer, value);
    };
  }
  if (field.oneof) {
    const oneof = field.oneof.localName;
    return (writer, message) => {
      const selected = message[oneof] as { readonly case?: string; readonly value: never } | undefined;
      if (selected?.case === name) write(writer, selected.value);
    };
  }
  const isImplicit = field.presence === FeatureSet_FieldPresence.IMPLICIT;
  return (writer, message) => {
    const value = message[name] as unknown;
    if (
      value === undefined ||
      (isImplicit && (value === "" || value === false || value === 0 || value === 0n))
    )
      return;
    write(writer, value as never);
  };
}

/** Of a singular field or of each entry of a list. */
function valueWriter(field: DescField): Write | undefined {
  if (field.message && field.fieldKind !== "map") return messageWriter(field.number, field.message);
  if (field.enum && field.fieldKind === "enum") return scalarWriter(field.number, ScalarType.INT32);
  if (field.fieldKind === "scalar") return scalarWriter(field.number, field.scalar);
  return field.fieldKind === "list" && field.scalar === ScalarType.STRING
    ? scalarWriter(field.number, field.scalar)
    : undefined;
}

function messageWriter(number: number, schema: DescMessage): Write {
  const tag = tagOf(number, WireType.LengthDelimited);
  const write = writerOf(schema);
  return (writer, value) => {
    writer.uint32(tag).fork();
    write(writer, value);
    writer.join();
  };
}

function scalarWriter(number: number, type: ScalarType): Write | undefined {
  const text = tagOf(number, WireType.LengthDelimited);
  const varint = tagOf(number, WireType.Varint);
  switch (type) {
    case ScalarType.STRING:
      return (writer, value) => writer.uint32(text).string(value);
    case ScalarType.BOOL:
      return (writer, value) => writer.uint32(varint).bool(value);
    case ScalarType.INT32:
      return (writer, value) => writer.uint32(varint).int32(value);
    case ScalarType.INT64:
      return (writer, value) => writer.uint32(varint).int64(value);
    default:
      return undefined;
  }
}

/** A Struct is held as the JSON that it stands for. Its numbers are those of struct.proto. */
function writeStruct(writer: BinaryWriter, json: JsonObject): void {
  for (const [key, value] of Object.entries(json)) {
    writer.tag(1, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(key);
    writer.tag(2, WireType.LengthDelimited).fork();
    writeValue(writer, value);
    writer.join().join();
  }
}

function writeValue(writer: BinaryWriter, json: JsonValue): void {
  if (json === null) writer.tag(1, WireType.Varint).int32(0);
  else if (typeof json === "number") writer.tag(2, WireType.Bit64).double(json);
  else if (typeof json === "string") writer.tag(3, WireType.LengthDelimited).string(json);
  else if (typeof json === "boolean") writer.tag(4, WireType.Varint).bool(json);
  else if (Array.isArray(json)) {
    writer.tag(6, WireType.LengthDelimited).fork();
    for (const value of json) {
      writer.tag(1, WireType.LengthDelimited).fork();
      writeValue(writer, value);
      writer.join();
    }
    writer.join();
  } else {
    writer.tag(5, WireType.LengthDelimited).fork();
    writeStruct(writer, json);
    writer.join();
  }
}

function tagOf(number: number, type: WireType): number {
  return ((number << 3) | type) >>> 0;
}

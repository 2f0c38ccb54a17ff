import {
  create,
  type DescField,
  type DescMessage,
  type JsonValue,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  DispatcherService,
  ExecuteResponseSchema,
} from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { OperationsService } from "../../gen/ts/dispatcher/v1/operations_service_pb.ts";
import { RegistryService } from "../../gen/ts/dispatcher/v1/registry_service_pb.ts";
import { encodeAnswer } from "../../src/rpc/encode-answer.ts";

const answers = [DispatcherService, RegistryService, OperationsService].flatMap((service) =>
  service.methods.map((method) => method.output),
);

const text = fc.oneof(
  fc.constantFrom("", "reminded", "019a0000-0000-7000-8000-000000000001", "naïve ☃ 😀", "x".repeat(200)),
  fc.string({ unit: "binary" }),
);
const json = fc
  .dictionary(text, fc.jsonValue())
  .map((value) => JSON.parse(JSON.stringify(value)) as JsonValue);

/** What a handler may give for a message: some fields left out, some set to undefined, some set to their zero value. */
function initOf(schema: DescMessage, depth = 0): fc.Arbitrary<unknown> {
  if (schema.typeName === "google.protobuf.Struct") return json;
  const members = schema.members.map((member): [string, fc.Arbitrary<unknown>] => {
    if (member.kind !== "oneof") return [member.localName, fieldOf(member, depth)];
    const cases = member.fields.map((field) =>
      singleOf(field, depth).map((value) => ({ case: field.localName, value })),
    );
    return [member.localName, fc.oneof(fc.constant({ case: undefined }), ...cases)];
  });
  return fc
    .record(Object.fromEntries(members), { requiredKeys: [] })
    .map((init) =>
      Object.fromEntries(
        Object.entries(init).map(([key, value]) => [key, value === null ? undefined : value]),
      ),
    );
}

function fieldOf(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.fieldKind === "map") return fc.dictionary(text, text);
  if (field.fieldKind === "list") return fc.array(singleOf(field, depth), { maxLength: 3 });
  return fc.option(singleOf(field, depth));
}

function singleOf(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.message) return depth > 5 ? fc.constant({}) : initOf(field.message, depth + 1);
  if (field.enum) return fc.constantFrom(...field.enum.values.map((value) => value.number));
  switch (field.scalar) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.INT32:
      return fc.integer();
    case ScalarType.INT64:
      return fc.oneof(
        fc.constantFrom(0n, 1n, 127n, 128n),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      );
    default:
      throw new Error(`${field} has a type that this test does not make values of`);
  }
}

describe("an answer is written as protobuf-es writes it", () => {
  it.each(answers.map((schema) => [schema.typeName, schema] as const))("%s", (_name, schema) => {
    fc.assert(
      fc.property(initOf(schema), (init) => {
        expect(Buffer.from(encodeAnswer(schema, init as never))).toEqual(
          Buffer.from(toBinary(schema, create(schema, init as never))),
        );
      }),
      { numRuns: 60 },
    );
  });
});

test("one that cannot be written says why and leaves nothing for the next one", () => {
  const unwritable = { chain: { id: "c", version: 1n, chainType: "t" }, outcome: 0.5 } as never;
  const late = { outcome: 1, chain: { id: "c", resources: [{ resourceType: "t" }, 7n, null] } } as never;
  for (const answer of [unwritable, late])
    expect(() => encodeAnswer(ExecuteResponseSchema, answer)).toThrow();
  expect(() => encodeAnswer(ExecuteResponseSchema, unwritable)).toThrow(/ExecuteResponse\.outcome/);
  expect(encodeAnswer(ExecuteResponseSchema, {})).toHaveLength(0);
});

test("a large one does not change the ones before and after", () => {
  const small = { chain: { id: "a" } };
  const before = encodeAnswer(ExecuteResponseSchema, small);
  const large = encodeAnswer(ExecuteResponseSchema, { chain: { id: "b".repeat(3_000_000) } });
  expect(large.length).toBeGreaterThan(3_000_000);
  const after = encodeAnswer(ExecuteResponseSchema, small);
  expect(Buffer.from(after)).toEqual(Buffer.from(before));
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findUnstorable, type JsonValue } from "../../src/domain/json.ts";

function nested(depth: number, wrap: (inner: JsonValue) => JsonValue): JsonValue {
  let value: JsonValue = "core";
  for (let level = 0; level < depth; level += 1) value = wrap(value);
  return value;
}

describe("storable", () => {
  it.each<[string, JsonValue]>([
    ["plain values", { a: [null, true, false, 0, -0, 1.5, "", "x"], b: {} }],
    ["any Unicode", { ключ: "e\u0301 \u{1f6d2} \uffff \u0001" }],
    ["a number that only a double holds", 5e-324],
    ["objects 100 deep", nested(100, (inner) => ({ a: inner }))],
    ["lists 100 deep", nested(100, (inner) => [inner])],
    ["a key that looks like a prototype", JSON.parse('{"__proto__":{"a":1}}') as JsonValue],
  ])("%s", (_, value) => {
    expect(findUnstorable(value)).toBeUndefined();
  });

  it("whatever JSON can say, down to 100", () => {
    const json = fc.jsonValue({ maxDepth: 20, stringUnit: "grapheme" });
    fc.assert(
      fc.property(json, (value) => {
        fc.pre(!JSON.stringify(value).includes("\\u0000"));
        expect(findUnstorable(value as JsonValue)).toBeUndefined();
      }),
    );
  });
});

describe("not storable", () => {
  it.each<[string, JsonValue, string]>([
    ["U+0000 in a text", { a: { b: "x\0y" } }, "a.b contains U+0000"],
    ["U+0000 in a list", { a: ["x", "\0"] }, "a.1 contains U+0000"],
    ["U+0000 in a key", { a: { "b\0": 1 } }, "a key of a contains U+0000"],
    ["U+0000 in a key at the top", { "b\0": 1 }, "a key of the value contains U+0000"],
    ["U+0000 in a bare text", "\0", "the value contains U+0000"],
    ["half a character", { a: ["x\ud800"] }, "a.0 contains a lone surrogate"],
    ["half a character in a key", { "\udfff": 1 }, "a key of the value contains a lone surrogate"],
    ["NaN", { a: Number.NaN }, "a is NaN, which JSON cannot hold"],
    ["Infinity", [Number.POSITIVE_INFINITY], "0 is Infinity, which JSON cannot hold"],
    ["-Infinity", Number.NEGATIVE_INFINITY, "the value is -Infinity, which JSON cannot hold"],
  ])("%s", (_, value, expected) => {
    expect(findUnstorable(value)).toBe(expected);
  });

  it("more than 100 deep, and 30,000 deep without a stack that overflows", () => {
    const problem = /is nested more than 100 deep$/;
    expect(findUnstorable(nested(101, (inner) => ({ a: inner })))).toMatch(problem);
    expect(findUnstorable(nested(30_000, (inner) => [inner]))).toMatch(problem);
  });

  it("says it from the place that the caller names", () => {
    expect(findUnstorable({ a: "\0" }, "context")).toBe("context.a contains U+0000");
  });
});

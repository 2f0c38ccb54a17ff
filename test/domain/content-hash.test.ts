import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contentHash } from "../../src/domain/content-hash.ts";

describe("the same content", () => {
  it.each<[string, unknown, unknown]>([
    ["keys in another order", { a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }],
    ["an absent member", { a: 1, b: undefined }, { a: 1 }],
    ["an absent item and null", [undefined], [null]],
    ["two ways to write a number", { a: 1e3 }, { a: 1000 }],
    ["equal times", { at: new Date(5) }, { at: new Date(5) }],
  ])("%s", (_, one, other) => {
    expect(contentHash(one)).toBe(contentHash(other));
  });

  it("is what sha256sum says of the canonical JSON", () => {
    expect(contentHash({ b: [true, null, "x"], a: 1 })).toBe(
      "eca8cfb31ab74533e1eb2f4c74d2d55dfe3c79ac704787e54be8647ea7777eb1",
    );
  });
});

describe("other content", () => {
  it.each<[string, unknown, unknown]>([
    ["items in another order", [1, 2], [2, 1]],
    ["a number and its text", { a: 1 }, { a: "1" }],
    ["0 and -0", { a: 0 }, { a: -0 }],
    ["-0 and its text", { a: -0 }, { a: "-0" }],
    ["null and NaN", { a: null }, { a: Number.NaN }],
    ["NaN and its text", { a: Number.NaN }, { a: "NaN" }],
    ["two infinities", { a: Number.POSITIVE_INFINITY }, { a: Number.NEGATIVE_INFINITY }],
    ["null and absent", { a: null }, {}],
    ["an empty list and an empty object", [], {}],
    ["a border that moves", ["a,b"], ["a", "b"]],
    ["a quote inside", { 'a":1,"b': 2 }, { a: 1, b: 2 }],
    ["composed and decomposed é", "\u00e9", "e\u0301"],
    ["other times", { at: new Date(5) }, { at: new Date(6) }],
  ])("%s", (_, one, other) => {
    expect(contentHash(one)).not.toBe(contentHash(other));
  });
});

it("does not depend on the order in which a map arrived", () => {
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([key, member]) => [key, reversed(member)]),
    );
  };
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(contentHash(reversed(value))).toBe(contentHash(value));
    }),
  );
});

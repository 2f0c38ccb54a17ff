import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chainKey } from "../../src/domain/chain-key.ts";
import { canonicalMappings, type ResourceMapping } from "../../src/domain/resource-mapping.ts";

type Pair = readonly [string, string];
const mappingsOf = (pairs: readonly Pair[]): ResourceMapping[] =>
  pairs.map(([resourceType, resourceId]) => ({ resourceType, resourceId }));
const keyOf = (type: string, ...pairs: readonly Pair[]) => chainKey(type, mappingsOf(pairs)).toString("hex");

describe("one key", () => {
  const key = keyOf("order", ["customer", "1"], ["order", "2"]);

  it.each<[string, readonly Pair[]]>([
    [
      "in another order",
      [
        ["order", "2"],
        ["customer", "1"],
      ],
    ],
    [
      "with duplicates",
      [
        ["customer", "1"],
        ["order", "2"],
        ["customer", "1"],
        ["customer", "1"],
      ],
    ],
  ])("%s", (_, pairs) => {
    expect(keyOf("order", ...pairs)).toBe(key);
  });

  it("is the one that every release and replica computes", () => {
    const part = (text: string) => `\0\0\0${String.fromCharCode(text.length)}${text}`;
    const canonical = ["order", "customer", "1", "order", "2"].map(part).join("");
    expect(key).toBe(createHash("sha256").update(canonical).digest("hex"));
  });
});

describe("different keys", () => {
  it.each<[string, string, string]>([
    ["types", keyOf("a", ["r", "1"]), keyOf("b", ["r", "1"])],
    ["a subset", keyOf("a", ["r", "1"]), keyOf("a", ["r", "1"], ["r", "2"])],
    ["two ids under one name", keyOf("a", ["r", "1"], ["r", "2"]), keyOf("a", ["r", "2"], ["r", "3"])],
    ["a separator that moves", keyOf("a", ["a|b", "c"]), keyOf("a", ["a", "b|c"])],
    ["a border that moves", keyOf("a", ["ab", "c"]), keyOf("a", ["a", "bc"])],
    ["a border between type and mapping that moves", keyOf("ab", ["c", "d"]), keyOf("a", ["bc", "d"])],
    ["one mapping that reads like two", keyOf("a", ["b", "c\0\0\0\x01d"]), keyOf("a", ["b", "c"], ["d", ""])],
    ["swapped parts", keyOf("a", ["b", "c"]), keyOf("a", ["c", "b"])],
    ["composed and decomposed é", keyOf("a", ["r", "\u00e9"]), keyOf("a", ["r", "e\u0301"])],
    ["case", keyOf("a", ["r", "x"]), keyOf("a", ["r", "X"])],
    ["a space at the end", keyOf("a", ["r", "x"]), keyOf("a", ["r", "x "])],
    ["leading zeros", keyOf("a", ["r", "7"]), keyOf("a", ["r", "07"])],
  ])("%s", (_, one, other) => {
    expect(one).not.toBe(other);
  });
});

const text = fc.string({ unit: "binary", maxLength: 4 });
const mapping = fc.record({ resourceType: text, resourceId: text });
const mappings = fc.array(mapping, { maxLength: 6 });

it("the key does not change by shuffling and repeating", () => {
  const shuffled = mappings.chain((all) =>
    fc.tuple(
      fc.constant(all),
      fc
        .shuffledSubarray(all, { minLength: all.length })
        .chain((order) => fc.subarray(all).map((again) => [...again, ...order])),
    ),
  );
  fc.assert(
    fc.property(text, shuffled, (type, [all, otherwise]) => {
      expect(chainKey(type, otherwise)).toEqual(chainKey(type, all));
    }),
  );
});

it("two keys are equal only if type and set are", () => {
  // Few characters, so that equal sets and borders that only move come up often.
  const short = fc.string({ unit: fc.constantFrom("a", "|", "\0"), maxLength: 2 });
  const few = fc.array(fc.record({ resourceType: short, resourceId: short }), { maxLength: 2 });
  const setOf = (all: readonly ResourceMapping[]) =>
    [
      ...new Set(all.map(({ resourceType, resourceId }) => JSON.stringify([resourceType, resourceId]))),
    ].sort();
  fc.assert(
    fc.property(short, few, short, few, (type, one, otherType, other) => {
      const isSame = type === otherType && JSON.stringify(setOf(one)) === JSON.stringify(setOf(other));
      expect(chainKey(type, one).equals(chainKey(otherType, other))).toBe(isSame);
    }),
  );
});

describe("canonicalMappings", () => {
  it("sorts by UTF-8 bytes, not by UTF-16 units", () => {
    const ids = ["\u{10000}", "\uffff", "z", "é", "Z", ""];
    const sorted = canonicalMappings(ids.map((resourceId) => ({ resourceType: "r", resourceId })));
    expect(sorted.map(({ resourceId }) => resourceId)).toEqual(["", "Z", "z", "é", "\uffff", "\u{10000}"]);
    expect([...ids].sort().at(-1)).toBe("\uffff");
  });

  it("sorts by type, then by id, and drops duplicates", () => {
    const given = mappingsOf([
      ["b", "1"],
      ["a", "2"],
      ["a", "10"],
      ["b", "1"],
      ["a", "2"],
    ]);
    expect(canonicalMappings(given)).toEqual(
      mappingsOf([
        ["a", "10"],
        ["a", "2"],
        ["b", "1"],
      ]),
    );
  });

  it("leaves the given list alone, and keeps nothing else that the objects hold", () => {
    const given = Object.freeze([
      { resourceType: "b", resourceId: "1", more: true },
      ...mappingsOf([["a", "1"]]),
    ]);
    expect(canonicalMappings(given)).toEqual(
      mappingsOf([
        ["a", "1"],
        ["b", "1"],
      ]),
    );
    expect(canonicalMappings([])).toEqual([]);
  });

  it("is canonical: done again it changes nothing, and each step is upwards", () => {
    fc.assert(
      fc.property(mappings, (all) => {
        const canonical = canonicalMappings(all);
        expect(canonicalMappings(canonical)).toEqual(canonical);
        const bytes = canonical.map(({ resourceType, resourceId }) => [
          Buffer.from(resourceType),
          Buffer.from(resourceId),
        ]);
        bytes.slice(1).forEach(([type = Buffer.of(), id = Buffer.of()], index) => {
          const [formerType = Buffer.of(), formerId = Buffer.of()] = bytes[index] ?? [];
          expect(Buffer.compare(formerType, type) || Buffer.compare(formerId, id)).toBe(-1);
        });
      }),
    );
  });
});

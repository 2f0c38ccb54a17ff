import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keepableText } from "../../src/domain/text.ts";

const most = 4096;

describe("keepableText", () => {
  it.each([
    ["nothing", ""],
    ["a short text", "cart is empty"],
    ["controls and combining marks", "a\r\n\t\u0001e\u0301"],
    ["exactly 4 KiB of ASCII", "x".repeat(most)],
    ["exactly 4 KiB of four-byte characters", "\u{1f6d2}".repeat(most / 4)],
  ])("keeps %s", (_, text) => {
    expect(keepableText(text)).toBe(text);
  });

  it.each([
    ["one byte too many", "x".repeat(most + 1), "x".repeat(most)],
    ["before a two-byte character that does not fit", `${"x".repeat(most - 1)}é`, "x".repeat(most - 1)],
    ["before a three-byte character", `${"x".repeat(most - 2)}€`, "x".repeat(most - 2)],
    ["before a four-byte character", `${"x".repeat(most - 3)}\u{1f6d2}`, "x".repeat(most - 3)],
    [
      "after a character that just fits",
      `${"x".repeat(most - 4)}\u{1f6d2}!`,
      `${"x".repeat(most - 4)}\u{1f6d2}`,
    ],
  ])("cuts %s", (_, text, expected) => {
    expect(keepableText(text)).toBe(expected);
  });

  it("replaces U+0000, and counts what it became", () => {
    expect(keepableText("a\0b\0")).toBe("a\uFFFDb\uFFFD");
    expect(keepableText("\0".repeat(most))).toBe("\uFFFD".repeat(Math.floor(most / 3)));
  });

  it("gives the longest beginning that fits, of whole characters", () => {
    const character = fc.constantFrom("x", "é", "€", "\u{1f6d2}");
    const long = fc.tuple(fc.nat(3), fc.array(character, { minLength: 1, maxLength: 8 }));
    fc.assert(
      fc.property(long, ([shift, pattern]) => {
        const text = "x".repeat(shift) + pattern.join("").repeat(most + 1);
        const kept = keepableText(text);
        expect(text.startsWith(kept)).toBe(true);
        const [next = ""] = text.slice(kept.length);
        const bytes = Buffer.byteLength(kept);
        expect(bytes).toBeLessThanOrEqual(most);
        expect(bytes + Buffer.byteLength(next)).toBeGreaterThan(most);
      }),
    );
  });
});

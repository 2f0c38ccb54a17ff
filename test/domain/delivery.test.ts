import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deliveryIdOf, parseDeliveryId } from "../../src/domain/delivery.ts";

const CHAIN = "01890a5d-ac96-774b-bcce-b302099a8057";

describe("a delivery id", () => {
  test.each([
    ["remind", "remind"],
    ["Remind_again-2", "Remind_again-2"],
    ["a.b:c d/e%", "a%2Eb%3Ac%20d%2Fe%25"],
    ["(é)*'!~", "%28%C3%A9%29%2A%27%21%7E"],
    ["a\ud800", "a%EF%BF%BD"],
  ])("of %s can go anywhere as it is", (name, escaped) => {
    expect(deliveryIdOf(CHAIN, 3, name)).toBe(`${CHAIN}:3:${escaped}`);
  });

  test("is the same for the same move and no other", () => {
    const move = fc.tuple(fc.uuid(), fc.nat(), fc.string({ unit: "grapheme" }));
    fc.assert(
      fc.property(move, move, (one, other) => {
        const same = one.every((part, index) => part === other[index]);
        expect(deliveryIdOf(...one) === deliveryIdOf(...other)).toBe(same);
        expect(deliveryIdOf(...one)).toBe(deliveryIdOf(...one));
        expect(deliveryIdOf(...one)).toMatch(/^[A-Za-z0-9_:%-]+$/);
      }),
    );
    expect(deliveryIdOf(CHAIN, 1, "1:a")).not.toBe(deliveryIdOf(CHAIN, 11, "a"));
  });

  test.each([["é".repeat(127)], ["語".repeat(85)], ["😀".repeat(63)], [".".repeat(255)]])(
    "has room for a name of 255 bytes: %s",
    (name) => {
      expect(Buffer.byteLength(deliveryIdOf(CHAIN, Number.MAX_SAFE_INTEGER, name))).toBeLessThanOrEqual(1000);
    },
  );

  test.each([
    [1, "pay"],
    [999_999_999_999_999, "with/slashes:and colons"],
    [12, "in\nlines, ünd"],
  ])("says its chain, version and transition: %s %j", (version, transition) => {
    const key = { chainId: CHAIN, version, transition };
    expect(parseDeliveryId(deliveryIdOf(CHAIN, version, transition))).toEqual(key);
  });

  test.each([
    "",
    CHAIN,
    `${CHAIN}:1`,
    `${CHAIN}:1:`,
    `${CHAIN}:0:pay`,
    `${CHAIN}:-1:pay`,
    `${CHAIN}:01:pay`,
    `${CHAIN}:1.5:pay`,
    `${CHAIN}:9999999999999999:pay`,
    `${CHAIN.slice(1)}:1:pay`,
    ` ${CHAIN}:1:pay`,
    `${CHAIN}:1:pa\0y`,
    `${CHAIN}:1:%FF`,
    `${CHAIN}:1:a%00b`,
  ])("is not %j", (id) => {
    expect(parseDeliveryId(id)).toBeUndefined();
  });
});

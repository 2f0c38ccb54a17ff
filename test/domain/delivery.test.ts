import { expect, test } from "vitest";
import { deliveryIdOf, parseDeliveryId } from "../../src/domain/delivery.ts";

const chainId = "0198a2b4-5c6d-7e8f-9012-3456789abcde";

test.each([
  [1, "pay"],
  [999_999_999_999_999, "with/slashes"],
  [12, "in\nlines, ünd"],
])("a delivery id says its chain, version and transition: %s %j", (version, transition) => {
  expect(parseDeliveryId(deliveryIdOf(chainId, version, transition))).toEqual({
    chainId,
    version,
    transition,
  });
});

test.each([
  "",
  chainId,
  `${chainId}/1`,
  `${chainId}/1/`,
  `${chainId}/0/pay`,
  `${chainId}/-1/pay`,
  `${chainId}/01/pay`,
  `${chainId}/1.5/pay`,
  `${chainId}/9999999999999999/pay`,
  `${chainId.slice(1)}/1/pay`,
  ` ${chainId}/1/pay`,
  `${chainId}/1/pa\0y`,
])("is no delivery id: %j", (id) => {
  expect(parseDeliveryId(id)).toBeUndefined();
});

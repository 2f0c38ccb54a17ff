import { describe, expect, it } from "vitest";
import {
  type ChainType,
  hasState,
  isFinal,
  isKnownState,
  statesOf,
  transitionsFrom,
} from "../../src/domain/chain-type.ts";
import { transition } from "./situations.ts";

const order: ChainType = {
  name: "order",
  evaluation: "SEQUENTIAL",
  transitions: [
    transition("cancel", { finalState: "cancelled" }),
    transition("pay", { finalState: "paid" }),
    transition("ship", { finalState: "done" }),
  ],
  states: [
    { name: "new", transitions: ["pay", "cancel"] },
    { name: "paid", transitions: ["ship", "cancel"] },
    { name: "waiting", transitions: [], replacedBy: "new" },
  ],
};

describe("transitionsFrom", () => {
  it.each([
    ["new", ["pay", "cancel"]],
    ["paid", ["ship", "cancel"]],
    ["cancelled", []],
    ["waiting", []],
    ["done", []],
    ["nowhere", []],
  ])("%s", (state, expected) => {
    expect(transitionsFrom(order, state).map(({ name }) => name)).toEqual(expected);
    expect(isFinal(order, state)).toBe(expected.length === 0);
  });

  it("leads nowhere from `done`, whatever its definition says", () => {
    const states = [...order.states, { name: "done", transitions: ["pay"] }];
    expect(isFinal({ ...order, states }, "done")).toBe(true);
  });
});

it("a chain may stand in every state but a replaced one, and in `done` always", () => {
  expect(statesOf(order)).toEqual(["new", "paid", "cancelled", "done"]);
  const endless = { ...order, transitions: [], states: [{ name: "new", transitions: [] }] };
  expect(statesOf(endless)).toEqual(["new", "done"]);
});

it.each([
  // state, is there, chains may come to it
  ["new", true, true],
  ["cancelled", true, true],
  ["done", true, true],
  ["waiting", false, true],
  ["former", false, true],
  ["nowhere", false, false],
])("to be there and to be mapped are two things: %s", (state, isThere, isKnown) => {
  const current = {
    chainType: order,
    revision: 2,
    contentHash: "",
    createTime: new Date(0),
    mappedStates: new Map([
      ["waiting", "new"],
      ["former", "paid"],
    ]),
  };
  expect(hasState(order, state)).toBe(isThere);
  expect(isKnownState(current, state)).toBe(isKnown);
});

import { describe, expect, it } from "vitest";
import type { ChainType } from "../../src/domain/chain-type.ts";
import { checkChainType } from "../../src/domain/check-chain-type.ts";
import { graph, slow, start, toDone, type } from "./definitions.ts";

describe("a definition that is fine", () => {
  it.each<[string, ChainType]>([
    ["one step", type([toDone], [start])],
    ["a state named only as a final state", graph([["new", "paid"]])],
    [
      "a transition that leaves several states",
      {
        ...graph([
          ["new", "paid"],
          ["paid", "done"],
        ]),
        states: [
          { name: "new", transitions: ["new-paid", "paid-done"] },
          { name: "paid", transitions: ["paid-done"] },
        ],
      },
    ],
    ["`done` declared, without exits", type([toDone], [start, { name: "done", transitions: [] }])],
    [
      "a type without an end",
      graph([
        ["new", "paid"],
        ["paid", "new"],
      ]),
    ],
    ["a transition to its own state", graph([["new", "new"]])],
    [
      "with auto_execute, a cycle with one delay",
      graph(
        [
          ["new", "a"],
          ["a", "b", 1000],
          ["b", "new"],
        ],
        { autoExecute: {} },
      ),
    ],
    ["with auto_execute, a step to itself with a delay", graph([["new", "new", 1]], { autoExecute: {} })],
    [
      "with auto_execute, two ways to one state",
      graph(
        [
          ["new", "a"],
          ["new", "b"],
          ["a", "done"],
          ["b", "done"],
        ],
        { autoExecute: {} },
      ),
    ],
    ["a removed state", type([toDone], [start, { name: "old", transitions: [], replacedBy: "new" }])],
    [
      "a removed state that becomes `done`",
      type([toDone], [start, { name: "old", transitions: [], replacedBy: "done" }]),
    ],
    ["a slow AFTER_COMMIT callback", type([toDone], [start], { callback: slow(15_000, "AFTER_COMMIT") })],
    [
      "a BEFORE_COMMIT callback of a third of its claim",
      type([toDone], [start], { callback: slow(10_000, "BEFORE_COMMIT") }),
    ],
    [
      "equal rechecks",
      type([toDone], [start], { autoExecute: { recheckIntervalMs: 5000, recheckMaxMs: 5000 } }),
    ],
    ["equal retention", type([toDone], [start], { retention: { deleteEventsAfterMs: 1, forgetAfterMs: 1 } })],
  ])("%s", (_, chainType) => {
    expect(checkChainType(chainType)).toEqual([]);
  });
});

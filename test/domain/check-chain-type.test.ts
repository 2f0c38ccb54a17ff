import { describe, expect, it } from "vitest";
import type { ChainType } from "../../src/domain/chain-type.ts";
import { checkChainType } from "../../src/domain/check-chain-type.ts";
import { graph, slow, start, toDone, type } from "./definitions.ts";
import { transition } from "./situations.ts";

const problemsOf = (chainType: ChainType) =>
  checkChainType(chainType).map(({ field, message }) => `${field}: ${message}`);

describe("refused", () => {
  const isMissing = 'states: state "new", where every chain begins, is missing or has no transitions';
  const cycle = (index: number, state: string) =>
    `states[${index}].transitions: with auto_execute, a cycle through "${state}" needs a delay on at least one of its transitions`;

  it.each<[string, ChainType, readonly string[]]>([
    ["nothing in it", type([], []), [isMissing]],
    [
      "row 26: no initial state",
      graph([["paid", "done"]]),
      [isMissing, 'states[0].name: state "paid" cannot be reached from "new"'],
    ],
    ["row 26: an initial state without exits", type([], [{ name: "new", transitions: [] }]), [isMissing]],
    [
      "row 27: an unreachable state",
      graph([
        ["new", "done"],
        ["island", "done"],
      ]),
      ['states[1].name: state "island" cannot be reached from "new"'],
    ],
    [
      "row 27: an unreachable cycle",
      graph([
        ["new", "done"],
        ["a", "b"],
        ["b", "a"],
      ]),
      [
        'states[1].name: state "a" cannot be reached from "new"',
        'states[2].name: state "b" cannot be reached from "new"',
      ],
    ],
    [
      "row 28: an unknown transition",
      type([toDone], [{ ...start, transitions: ["finish", "fly"] }]),
      ['states[0].transitions[1]: transition "fly" is not defined: add it to transitions'],
    ],
    [
      "an unused transition",
      type([toDone, transition("spare")], [start]),
      ['transitions[1].name: transition "spare" is used by no state: name it in a state or remove it'],
    ],
    [
      "row 29: a transition three times",
      type([toDone, toDone, toDone], [start]),
      [
        'transitions[1].name: transition "finish" is defined twice',
        'transitions[2].name: transition "finish" is defined twice',
      ],
    ],
    [
      "row 29: a state twice",
      type([toDone], [start, start]),
      ['states[1].name: state "new" is defined twice'],
    ],
    [
      "row 29: a transition twice in one state",
      type([toDone], [{ ...start, transitions: ["finish", "finish"] }]),
      ['states[0].transitions[1]: transition "finish" is named twice in state "new"'],
    ],
    ["row 30: a step to itself", graph([["new", "new"]], { autoExecute: {} }), [cycle(0, "new")]],
    ["row 30: a delay of nothing", graph([["new", "new", 0]], { autoExecute: {} }), [cycle(0, "new")]],
    [
      "row 31: a cycle",
      graph(
        [
          ["new", "a"],
          ["a", "b"],
          ["b", "a"],
        ],
        { autoExecute: {} },
      ),
      [cycle(1, "a"), cycle(2, "b")],
    ],
    [
      "row 31: a cycle whose delayed way is not the only one",
      graph(
        [
          ["new", "a", 1000],
          ["new", "b"],
          ["a", "new"],
          ["b", "new"],
        ],
        { autoExecute: {} },
      ),
      [cycle(0, "new"), cycle(2, "b")],
    ],
    [
      "exits of `done`",
      graph([
        ["new", "done"],
        ["done", "new"],
      ]),
      ['states[1].transitions: "done" never has exits: give the state another name'],
    ],
    [
      "a replaced state with exits",
      type([toDone], [start, { name: "old", transitions: ["finish"], replacedBy: "new" }]),
      ['states[1].replaced_by: state "old" is replaced and cannot have transitions'],
    ],
    [
      "a replacement that is not there",
      type([toDone], [start, { name: "old", transitions: [], replacedBy: "gone" }]),
      ['states[1].replaced_by: state "gone" is not a state of this revision'],
    ],
    [
      "a replacement with itself",
      type([toDone], [start, { name: "old", transitions: [], replacedBy: "old" }]),
      ['states[1].replaced_by: state "old" is not a state of this revision'],
    ],
    [
      "a replacement that is replaced itself",
      type(
        [toDone],
        [
          start,
          { name: "a", transitions: [], replacedBy: "b" },
          { name: "b", transitions: [], replacedBy: "new" },
        ],
      ),
      ['states[1].replaced_by: state "b" is not a state of this revision'],
    ],
    [
      "a replacement of `done`",
      type([toDone], [start, { name: "done", transitions: [], replacedBy: "new" }]),
      ['states[1].replaced_by: "done" is never replaced'],
    ],
    [
      "a replacement of `new`",
      type(
        [toDone],
        [
          { name: "new", transitions: [], replacedBy: "begun" },
          { name: "begun", transitions: ["finish"] },
        ],
      ),
      [isMissing, 'states[1].name: state "begun" cannot be reached from "new"'],
    ],
    [
      "a way to a replaced state",
      type(
        [transition("go", { finalState: "old" })],
        [
          { name: "new", transitions: ["go"] },
          { name: "old", transitions: [], replacedBy: "new" },
        ],
      ),
      ['transitions[0].final_state: state "old" is replaced by "new": name that one'],
    ],
    [
      "a slow BEFORE_COMMIT callback",
      type([toDone], [start], { callback: slow(10_001, "BEFORE_COMMIT") }),
      ["callback.endpoint.timeout: a BEFORE_COMMIT callback may take at most 10 s, a third of its claim"],
    ],
    [
      "row 46: a slow BEFORE_COMMIT callback of a transition",
      type([{ ...toDone, callback: slow(30_000, "BEFORE_COMMIT") }], [start]),
      [
        "transitions[0].callback.endpoint.timeout: a BEFORE_COMMIT callback may take at most 10 s, a third of its claim",
      ],
    ],
    [
      "recheck_max below recheck_interval",
      type([toDone], [start], { autoExecute: { recheckIntervalMs: 2, recheckMaxMs: 1 } }),
      ["auto_execute.recheck_max: must not be shorter than recheck_interval"],
    ],
    [
      "recheck_max below the default interval",
      type([toDone], [start], { autoExecute: { recheckMaxMs: 1000 } }),
      ["auto_execute.recheck_max: must not be shorter than recheck_interval"],
    ],
    [
      "forgotten before its events are deleted",
      type([toDone], [start], { retention: { deleteEventsAfterMs: 2, forgetAfterMs: 1 } }),
      ["retention.forget_after: must not be shorter than delete_events_after"],
    ],
  ])("%s", (_, chainType, expected) => {
    expect(problemsOf(chainType)).toEqual(expected);
  });

  it("everything at once, each with its place", () => {
    const chainType = type(
      [toDone, transition("spare"), toDone],
      [
        { name: "draft", transitions: ["finish", "fly", "finish"] },
        { name: "done", transitions: ["finish"] },
        { name: "old", transitions: ["finish"], replacedBy: "gone" },
      ],
      {
        callback: slow(20_000, "BEFORE_COMMIT"),
        autoExecute: { recheckMaxMs: 1 },
        retention: { deleteEventsAfterMs: 2, forgetAfterMs: 1 },
      },
    );
    expect(checkChainType(chainType).map(({ field }) => field)).toEqual([
      "transitions[1].name",
      "transitions[2].name",
      "states[0].transitions[1]",
      "states[0].transitions[2]",
      "states[1].transitions",
      "states[2].replaced_by",
      "states[2].replaced_by",
      "states",
      "states[0].name",
      "states[1].name",
      "callback.endpoint.timeout",
      "auto_execute.recheck_max",
      "states[1].transitions",
      "retention.forget_after",
    ]);
  });
});

it("row 32: as many states as there may be, in a ring, are checked in no time", { timeout: 2000 }, () => {
  const size = 256;
  const edges = Array.from({ length: size }, (_, index): [string, string] => [
    index === 0 ? "new" : `s${index}`,
    index === size - 1 ? "new" : `s${index + 1}`,
  ]);
  expect(problemsOf(graph(edges))).toEqual([]);
  expect(problemsOf(graph(edges, { autoExecute: {} }))).toHaveLength(size);
});

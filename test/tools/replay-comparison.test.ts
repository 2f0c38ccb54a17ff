import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { firstDifference } from "../../examples/replay/compare-histories.ts";
import {
  type ChainEvent,
  ChainEventKind,
  ChainEventSchema,
} from "../../gen/ts/dispatcher/v1/chain_event_pb.ts";

/** The moves of a chain that went through these states without a fault. */
function movesThrough(...states: readonly string[]): ChainEvent[] {
  return states.map((finalState, index) =>
    create(ChainEventSchema, {
      kind: ChainEventKind.TRANSITIONED,
      version: BigInt(index + 1),
      fromState: states[index - 1] ?? "new",
      finalState,
    }),
  );
}

const steps = ["a", "b", "a", "done"];

describe("the comparison of a history with the log", () => {
  it.each([[steps], [["done"]]])("finds nothing where they are the same", (same) => {
    expect(firstDifference(same, movesThrough(...same))).toBeUndefined();
  });

  const changed = (index: number, change: Partial<ChainEvent>) =>
    movesThrough(...steps).map((move, place) => (place === index ? { ...move, ...change } : move));

  it.each<[string, ChainEvent[], string]>([
    ["a chain that never moved", [], 'move 1: expected a transition from "new" to "a", found none'],
    [
      "a move that is missing at the end",
      movesThrough("a", "b", "a"),
      'move 4: expected a transition from "a" to "done", found none',
    ],
    [
      "a move too many",
      movesThrough(...steps, "a"),
      'move 5: expected none, found a transition from "done" to "a"',
    ],
    [
      "another state",
      movesThrough("a", "c", "a", "done"),
      'move 2: expected a transition from "a" to "b", found a transition from "a" to "c"',
    ],
    [
      "a move that is missing inside",
      movesThrough("a", "a", "done"),
      'move 2: expected a transition from "a" to "b", found a transition from "a" to "a"',
    ],
    [
      "a move that was made twice",
      movesThrough("a", "a", "b", "a", "done"),
      'move 2: expected a transition from "a" to "b", found a transition from "a" to "a"',
    ],
    ["a gap in the versions", changed(2, { version: 4n }), "move 3: it has version 4"],
    [
      "another state before",
      changed(1, { fromState: "new" }),
      'move 2: expected a transition from "a" to "b", found a transition from "new" to "b"',
    ],
    [
      "a move by hand",
      changed(1, { kind: ChainEventKind.STATE_SET }),
      'move 2: expected a transition from "a" to "b", found a move of kind STATE_SET from "a" to "b"',
    ],
  ])("finds %s", (_, moves, difference) => {
    expect(firstDifference(steps, moves)).toBe(difference);
  });
});

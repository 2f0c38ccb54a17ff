import { describe, expect, it } from "vitest";
import type { ChainType } from "../../src/domain/chain-type.ts";
import { changedWaking, upkeepIn } from "../../src/domain/upkeep.ts";
import { graph } from "./definitions.ts";

const DAY = 86_400_000;
const plain = graph([
  ["new", "sent"],
  ["sent", "kept"],
]);
const auto: ChainType = { ...plain, autoExecute: {} };
const retention = { deleteEventsAfterMs: DAY, forgetAfterMs: 3 * DAY };

describe("upkeepIn", () => {
  it.each<[string, ChainType, string, ReturnType<typeof upkeepIn>]>([
    ["a state with exits", plain, "new", { wakes: false }],
    ["a state with exits, with auto_execute", auto, "sent", { wakes: true }],
    ["a state with exits, with retention", { ...auto, retention }, "sent", { wakes: true }],
    ["a final state", auto, "kept", { wakes: false }],
    ["done", auto, "done", { wakes: false }],
    ["a final state, with retention", { ...auto, retention }, "kept", { wakes: false, purgeAfterMs: DAY }],
    [
      "a final state that is only forgotten",
      { ...plain, retention: { forgetAfterMs: 3 * DAY } },
      "done",
      { wakes: false, purgeAfterMs: 3 * DAY },
    ],
    ["a state that the type lacks, where nothing has ended", { ...auto, retention }, "gone", { wakes: true }],
  ])("%s", (_, chainType, state, expected) => {
    expect(upkeepIn(chainType, state)).toEqual(expected);
  });
});

const wakes = (state: string) => ({ state, wakes: true });
const sleeps = (state: string) => ({ state, wakes: false });

describe("changedWaking", () => {
  const longer = graph(
    [
      ["new", "sent"],
      ["sent", "kept"],
      ["kept", "done"],
    ],
    { autoExecute: {} },
  );
  it.each<[string, ChainType, ChainType[], ReturnType<typeof changedWaking>]>([
    ["auto_execute is new", auto, [plain], [wakes("new"), wakes("sent")]],
    ["auto_execute is gone", plain, [auto], [sleeps("new"), sleeps("sent")]],
    ["a final state has exits", longer, [auto], [wakes("kept")]],
    ["a state has no exits any more", auto, [longer], [sleeps("kept")]],
    [
      "a state is new",
      longer,
      [graph([["new", "sent"]]), auto],
      [wakes("new"), wakes("kept"), wakes("sent")],
    ],
    ["how often chains are looked at", { ...auto, autoExecute: { recheckMaxMs: DAY } }, [auto], []],
    ["any of several was different", auto, [auto, plain], [wakes("new"), wakes("sent")]],
    ["there was none before", auto, [], []],
    ["retention is new", { ...plain, retention }, [plain], []],
  ])("%s", (_, current, former, expected) => {
    const byState = (all: typeof expected) => all.toSorted((a, b) => (a.state < b.state ? -1 : 1));
    expect(byState(changedWaking(current, former))).toEqual(byState(expected));
  });
});

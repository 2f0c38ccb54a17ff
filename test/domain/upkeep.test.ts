import { describe, expect, it } from "vitest";
import { upkeepIn } from "../../src/domain/upkeep.ts";
import { graph } from "./definitions.ts";

const plain = graph([
  ["new", "lost"],
  ["new", "open"],
  ["open", "done"],
]);
const auto = { ...plain, autoExecute: {} };
const kept = { ...auto, retention: { deleteEventsAfterMs: 2, forgetAfterMs: 3 } };

describe("what becomes of a chain by itself", () => {
  it.each([
    ["in a state with exits, nothing", plain, "open", { wakes: false }],
    ["in a state with exits of a type that executes itself", kept, "open", { wakes: true }],
    ["in a state without exits", auto, "lost", { wakes: false, purgeAfterMs: undefined }],
    ["in a state without exits, its history is deleted", kept, "lost", { wakes: false, purgeAfterMs: 2 }],
    ["in done too", kept, "done", { wakes: false, purgeAfterMs: 2 }],
    [
      "or it is forgotten at once",
      { ...plain, retention: { forgetAfterMs: 3 } },
      "done",
      { wakes: false, purgeAfterMs: 3 },
    ],
    ["in a state that the type lacks it has not ended", kept, "gone", { wakes: true }],
  ])("%s", (_, chainType, state, expected) => {
    expect(upkeepIn(chainType, state)).toEqual(expected);
  });
});

import { describe, expect, it } from "vitest";
import type { ChainTypeRevision } from "../../src/domain/chain-type.ts";
import { mappedStatesOf } from "../../src/domain/mapped-states.ts";
import { graph } from "./definitions.ts";

/** A revision with these states and `done`, and these states mapped to others. */
interface Said {
  readonly has: readonly string[];
  readonly maps?: Readonly<Record<string, string>>;
}

/** As it is numbered: from 1. */
function history(...said: readonly Said[]): ChainTypeRevision[] {
  return said.map(({ has, maps = {} }, index) => {
    const { states, ...rest } = graph([
      ...has.map((state): [string, string] => ["new", state]),
      ...has.map((state): [string, string] => [state, "done"]),
    ]);
    const mapped = Object.entries(maps).map(([name, replacedBy]) => ({ name, transitions: [], replacedBy }));
    return {
      chainType: { ...rest, states: [...states, ...mapped] },
      revision: index + 1,
      contentHash: String(index + 1),
      createTime: new Date(0),
    };
  });
}

function mapped(revisions: readonly ChainTypeRevision[], current: number): Record<string, string> {
  return Object.fromEntries(mappedStatesOf(revisions, current));
}

const renamed = history({ has: ["a"] }, { has: ["b"], maps: { a: "b" } });

describe("the current revision says", () => {
  it.each([
    ["nothing of a state that is gone", history({ has: ["a"] }, { has: ["b"] }), {}],
    ["what replaces it", renamed, { a: "b" }],
    [
      "that several become one",
      history({ has: ["a", "b"] }, { has: ["c"], maps: { a: "c", b: "c" } }),
      { a: "c", b: "c" },
    ],
    ["that chains have ended", history({ has: ["a"] }, { has: ["b"], maps: { a: "done" } }), { a: "done" }],
    ["what replaces a state that never was", history({ has: ["b"], maps: { z: "b" } }), { z: "b" }],
  ])("%s", (_, revisions, expected) => {
    expect(mapped(revisions, revisions.length)).toEqual(expected);
  });
});

describe("what a revision said holds until a later one says otherwise", () => {
  it.each([
    ["it is not mentioned any more", history(...said(renamed), { has: ["b", "c"] }), { a: "b" }],
    [
      "its replacement was replaced in turn",
      history(...said(renamed), { has: ["c"], maps: { b: "c" } }),
      { a: "c", b: "c" },
    ],
    ["its replacement was removed", history(...said(renamed), { has: ["c"] }), {}],
    [
      "it was mapped elsewhere since",
      history(...said(renamed), { has: ["b", "c"], maps: { a: "c" } }),
      { a: "c" },
    ],
    ["it is there again", history(...said(renamed), { has: ["a", "b"] }), {}],
    ["it was there again, and removed", history(...said(renamed), { has: ["a", "b"] }, { has: ["b"] }), {}],
    ["it was named back", history(...said(renamed), { has: ["a"], maps: { b: "a" } }), { b: "a" }],
  ])("%s", (_, revisions, expected) => {
    expect(mapped(revisions, revisions.length)).toEqual(expected);
  });
});

describe("going back to the first revision", () => {
  it.each([
    ["a renaming is undone", renamed, { b: "a" }],
    ["one after the other", history(...said(renamed), { has: ["c"], maps: { b: "c" } }), { b: "a", c: "a" }],
    ["though later revisions kept quiet of it", history(...said(renamed), { has: ["b"] }), { b: "a" }],
    [
      "though later revisions repeated it",
      history(...said(renamed), { has: ["b", "c"], maps: { a: "b" } }),
      { b: "a" },
    ],
    ["a state that was added is not mapped", history({ has: ["a"] }, { has: ["a", "b"] }), {}],
    [
      "nor one that was added, and took in another later",
      history({ has: ["a"] }, { has: ["a", "b"] }, { has: ["b"], maps: { a: "b" } }),
      {},
    ],
    ["nor one that two became", history({ has: ["a", "b"] }, { has: ["c"], maps: { a: "c", b: "c" } }), {}],
    [
      "two that became one are one, if one of them never was",
      history({ has: ["a"] }, { has: ["c"], maps: { a: "c", b: "c" } }),
      { c: "a" },
    ],
    [
      "nor two that took each other's place",
      history({ has: ["a"] }, { has: ["b"], maps: { c: "b" } }, { has: ["c"], maps: { b: "c" } }),
      {},
    ],
    [
      "a mapping of its own stays as it is",
      history({ has: ["a"], maps: { z: "a" } }, { has: ["b"], maps: { a: "b", z: "b" } }),
      { z: "a", b: "a" },
    ],
    [
      "what took in a state that is there again stays",
      history({ has: ["a", "b"] }, { has: ["b"], maps: { a: "b" } }),
      {},
    ],
  ])("%s", (_, revisions, expected) => {
    expect(mapped(revisions, 1)).toEqual(expected);
  });

  it("and forth again, what was undone is in force", () => {
    expect(mapped(renamed, 2)).toEqual({ a: "b" });
  });

  it("and then on with something new: only what is said counts", () => {
    const revisions = history(...said(renamed), { has: ["a", "c"] });
    expect(mapped(revisions, 3)).toEqual({});
  });
});

it("is asked only about a revision that it is given", () => {
  expect(() => mappedStatesOf(renamed, 3)).toThrow("revision 3 is not among those given");
});

/** What a history was made of, to go on from. */
function said(revisions: readonly ChainTypeRevision[]): Said[] {
  return revisions.map(({ chainType: { states } }) => ({
    has: states.flatMap(({ name, replacedBy }) => (replacedBy || name === "new" ? [] : [name])),
    maps: Object.fromEntries(
      states.flatMap(({ name, replacedBy }) => (replacedBy ? [[name, replacedBy]] : [])),
    ),
  }));
}

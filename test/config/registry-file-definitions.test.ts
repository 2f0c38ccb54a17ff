import { describe, expect, it } from "vitest";
import { chainTypeFile, problemsOf } from "../support/registry-file.ts";

describe("what is inconsistent in a definition", () => {
  it.each([
    [
      "no initial state",
      { states: "[{name: start, transitions: [remind]}]" },
      '4:13 chainTypes[0].states: state "new", where every chain begins, is missing or has no transitions',
    ],
    ["no states", { states: "" }, "2:5 chainTypes[0].states: is missing"],
    [
      "no transitions",
      { transitions: "", states: "[{name: new}]" },
      "2:5 chainTypes[0].transitions: is missing",
    ],
    [
      "an unreachable state",
      { states: "[{name: new, transitions: [remind]}, {name: lost}]" },
      '4:57 chainTypes[0].states[1].name: state "lost" cannot be reached from "new"',
    ],
    [
      "an unknown transition",
      { states: "[{name: new, transitions: [remind, chase]}]" },
      '4:48 chainTypes[0].states[0].transitions[1]: transition "chase" is not defined: add it to transitions',
    ],
    [
      "an unused transition",
      { transitions: "[{name: remind, finalState: done}, {name: chase, finalState: done}]" },
      '3:60 chainTypes[0].transitions[1].name: transition "chase" is used by no state: name it in a state or remove it',
    ],
    [
      "a state twice",
      { states: "[{name: new, transitions: [remind]}, {name: new}]" },
      '4:57 chainTypes[0].states[1].name: state "new" is defined twice',
    ],
    [
      "a transition twice",
      { transitions: "[{name: remind, finalState: done}, {name: remind, finalState: lost}]" },
      '3:60 chainTypes[0].transitions[1].name: transition "remind" is defined twice',
    ],
    [
      "a self loop that executes itself",
      { transitions: "[{name: remind, finalState: new}]", more: "autoExecute: {}" },
      '4:39 chainTypes[0].states[0].transitions: with auto_execute, a cycle through "new" needs a delay on at least one of its transitions',
    ],
    [
      "a retention that ends before it begins",
      { more: "retention: {deleteEventsAfter: 7200s, forgetAfter: 3600s}" },
      "5:56 chainTypes[0].retention.forgetAfter: must not be shorter than delete_events_after",
    ],
  ])("is found at its place: %s", (_, lines, problem) => {
    expect(problemsOf(chainTypeFile(lines))).toContain(problem);
  });

  it("finds a cycle of transitions that execute themselves, unless one of them has a delay", () => {
    const cycle = (delay: string) =>
      chainTypeFile({
        transitions: `[{name: open, finalState: waiting}, {name: remind, finalState: new${delay}}]`,
        states: "[{name: new, transitions: [open]}, {name: waiting, transitions: [remind]}]",
        more: "autoExecute: {}",
      });
    expect(problemsOf(cycle(""))).toHaveLength(2);
    expect(problemsOf(cycle(", delay: 1s"))).toEqual([]);
    expect(problemsOf(cycle(", delay: soon"))).toEqual([expect.stringContaining("must be a duration")]);
  });

  it("lets a type have no end and a self loop, if callers execute it", () => {
    expect(problemsOf(chainTypeFile({ transitions: "[{name: remind, finalState: new}]" }))).toEqual([]);
  });

  it("refuses ten thousand transitions", () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `t${index}`);
    const text = chainTypeFile({
      transitions: `[${names.map((name) => `{name: ${name}, finalState: done}`).join(", ")}]`,
      states: `[{name: new, transitions: [${names.join(", ")}]}]`,
    });
    expect(problemsOf(text)).toEqual([
      "3:18 chainTypes[0].transitions: must contain no more than 4096 item(s)",
      "4:39 chainTypes[0].states[0].transitions: must contain no more than 64 item(s)",
    ]);
  });

  it("refuses more validators and chain types than there may be", () => {
    const many = (count: number) => `[${Array(count).fill("{}").join(",")}]`;
    expect(problemsOf(`chainTypes: ${many(1001)}`)).toContain(
      "1:13 chainTypes: must contain no more than 1000 item(s)",
    );
    expect(problemsOf(`validators: ${many(10_001)}`)).toContain(
      "1:13 validators: must contain no more than 10000 item(s)",
    );
  });

  it("does not blame what refers to a name that could not be read", () => {
    expect(problemsOf(chainTypeFile({ transitions: "[{name: 1, finalState: done}]" }))).toEqual([
      "3:26 chainTypes[0].transitions[0].name: must be text: put it in quotes",
    ]);
  });

  it("checks the other chain types all the same", () => {
    const text = `chainTypes: [{name: 1}, {name: b, transitions: [{name: t, finalState: done}], states: [{name: new}]}]`;
    expect(problemsOf(text).filter((line) => line.includes("chainTypes[1]"))).toHaveLength(2);
  });
});

describe("what parts of a file contradict", () => {
  const validator = (more: string) => `  - {chainType: cart, endpoint: 'grpc://localhost:9000'${more}}`;
  const withValidators = (...more: string[]) =>
    [chainTypeFile(), "validators:", ...more.map(validator)].join("\n");

  it("is a chain type defined twice", () => {
    expect(problemsOf(`${chainTypeFile()}\n${chainTypeFile().replace("chainTypes:\n", "")}`)).toEqual([
      '5:11 chainTypes[1].name: chain type "cart" is already defined in chainTypes[0]',
    ]);
  });

  it("is a validator of a transition that the type does not have", () => {
    expect(problemsOf(withValidators(", transitions: [remind, chase]"))).toEqual([
      '6:80 validators[0].transitions[1]: chain type "cart" has no transition "chase"',
    ]);
  });

  it("is a second validator of the same transitions, but not one of a single transition besides one of all", () => {
    expect(problemsOf(withValidators("", "", ", transitions: [remind]", ", transitions: [remind]"))).toEqual([
      '7:5 validators[1]: every transition of chain type "cart" is already in validators[0]',
      '9:72 validators[3].transitions[0]: transition "remind" of chain type "cart" is already in validators[2]',
    ]);
  });

  it("is not a validator of a type that is registered elsewhere", () => {
    expect(
      problemsOf("validators: [{chainType: other, transitions: [a], endpoint: 'grpc://localhost:9000'}]"),
    ).toEqual([]);
  });
});

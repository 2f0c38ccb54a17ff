import type { DescMessage } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { RegistryFileSchema } from "../../gen/ts/dispatcher/v1/registry_file_pb.ts";
import { chainTypeFile, parse, problemsOf, read } from "../support/registry-file.ts";

describe("what cannot be read", () => {
  it("is reported all at once, in the file's order", () => {
    const text = `
chainTypes:
  - name: 7
    evaluation: parallel
    autoExecut: {}
    validator: {url: 'grpc://localhost:9000', timeout: 2}
    callback: {endpoint: {url: ''}}
    transitions:
      - name: remind
        final_state: reminded
        delay: 2d
      - just-a-name
    states: {new: [remind]}
  - name: order
    transitions: [{name: pay, finalState: paid, delay: -1s, onError: SKIP}]
    states: [{name: new, transitions: [pay, ship]}, {name: lost}]
validators:
  - {chainType: order, transitions: [pay, send], endpoint: 'grpc://localhost:9000', timeout: 0s}
`;
    expect(problemsOf(text)).toEqual([
      "3:11 chainTypes[0].name: must be text: put it in quotes",
      '4:17 chainTypes[0].evaluation: "parallel" is not a value of this field: did you mean EVALUATION_MODE_PARALLEL?',
      '5:5 chainTypes[0]: unknown key "autoExecut": did you mean "autoExecute"?',
      '6:56 chainTypes[0].validator.timeout: must be a duration in seconds: "2s"',
      "7:15 chainTypes[0].callback.mode: is missing",
      "7:32 chainTypes[0].callback.endpoint.url: must be at least 1 characters",
      '11:16 chainTypes[0].transitions[0].delay: must be a duration in seconds: "172800s"',
      "12:9 chainTypes[0].transitions[1]: must be a mapping with keys such as name",
      "13:13 chainTypes[0].states: must be a list, each element on a line of its own after a dash",
      "15:56 chainTypes[1].transitions[0].delay: must be greater than or equal to 0s and less than or equal to 315360000s",
      '15:70 chainTypes[1].transitions[0].onError: "SKIP" is not a value of this field: did you mean ON_ERROR_SKIP?',
      '16:45 chainTypes[1].states[0].transitions[1]: transition "ship" is not defined: add it to transitions',
      '16:60 chainTypes[1].states[1].name: state "lost" cannot be reached from "new"',
      '18:43 validators[0].transitions[1]: chain type "order" has no transition "send"',
      "18:94 validators[0].timeout: must be greater than or equal to 0.050s and less than or equal to 30s",
    ]);
  });

  it.each([
    ["text", "just text", "1:1: must be a mapping with keys such as chainTypes"],
    ["a list", "- chainTypes", "1:1: must be a mapping with keys such as chainTypes"],
    [
      "an unknown key",
      "timers: []",
      '1:1: unknown key "timers": the keys here are chainTypes, validators, callbacks',
    ],
    ["a key in another case", "ChainTypes: []", '1:1: unknown key "ChainTypes": did you mean "chainTypes"?'],
    [
      "a key with a line break",
      '"a\\nb": 1',
      '1:1: unknown key "a\\nb": the keys here are chainTypes, validators, callbacks',
    ],
    [
      "a key that is no text",
      "? [a]\n: b",
      '1:3: unknown key "": the keys here are chainTypes, validators, callbacks',
    ],
    [
      "a key of Object's own",
      "__proto__: []",
      '1:1: unknown key "__proto__": the keys here are chainTypes, validators, callbacks',
    ],
    ["a repeated key", "validators: []\nvalidators: []", '2:1 validators: key "validators" is given twice'],
    [
      "a key in both spellings",
      "chainTypes: []\nchain_types: []",
      '2:1 chainTypes: key "chain_types" is given twice',
    ],
    [
      "a null element",
      "validators: [null]",
      "1:14 validators[0]: must be a mapping with keys such as chainType",
    ],
    [
      "a forgotten element",
      "validators:\n  -\n",
      "2:4 validators[0]: must be a mapping with keys such as chainType",
    ],
  ])("is refused: %s", (_, text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  it("names a key that is not wanted by at most 60 characters", () => {
    expect(problemsOf(`${"k".repeat(500)}: 1`)[0]).toContain(`unknown key "${"k".repeat(60)}…"`);
  });

  it("does not call a key missing that was meant", () => {
    expect(problemsOf("validators:\n  - chaintype: cart\n    end_point: 'grpc://localhost:9000'")).toEqual([
      '2:5 validators[0]: unknown key "chaintype": did you mean "chainType"?',
      '3:5 validators[0]: unknown key "end_point": did you mean "endpoint"?',
    ]);
  });

  it("tells a value that was forgotten from one that is not set", () => {
    expect(problemsOf(chainTypeFile({ more: "autoExecute:" }))).toEqual([
      "5:17 chainTypes[0].autoExecute: has no value: give it one ({} if it takes all defaults), or remove the key",
    ]);
    expect(problemsOf(chainTypeFile({ more: "evaluation:" }))).toEqual([
      "5:16 chainTypes[0].evaluation: has no value: give it one, or remove the key",
    ]);
    expect(read(chainTypeFile({ more: "autoExecute: null" })).chainTypes[0]?.autoExecute).toBeUndefined();
    expect(read(chainTypeFile({ more: "autoExecute: {}" })).chainTypes[0]?.autoExecute).toBeDefined();
  });

  it.each([
    ["2s", ""],
    ["'2.5s'", ""],
    ["0.000000001s", ""],
    ["2", '"2s"'],
    ["1.5h", '"5400s"'],
    ["500ms", '"0.5s"'],
    ["30 min", '"1800s"'],
    ["1w", '"604800s"'],
    ["P2D", 'such as "2.5s"'],
    ["1e5s", 'such as "2.5s"'],
    ["+2s", 'such as "2.5s"'],
    ["2.0000000001s", 'such as "2.5s"'],
    ["999999999999999s", 'such as "2.5s"'],
    [".inf", 'such as "2.5s"'],
    ["true", 'such as "2.5s"'],
    ["{seconds: 2}", 'such as "2.5s"'],
  ])("reads the duration %s, or says how to write it", (written, hint) => {
    const problems = problemsOf(
      chainTypeFile({ transitions: `[{name: remind, finalState: done, delay: ${written}}]` }),
    );
    expect(problems).toEqual(hint ? [expect.stringContaining(`.delay: must be a duration`)] : []);
    expect(problems.join()).toContain(hint);
  });

  it.each([
    ["ON_ERROR_SKIP", undefined],
    ["2", undefined],
    ["on_error_skip", "did you mean ON_ERROR_SKIP?"],
    ["STOPP", "did you mean ON_ERROR_STOP?"],
    ["RETRY", "must be one of ON_ERROR_STOP, ON_ERROR_SKIP"],
    ["99", "must be one of ON_ERROR_STOP, ON_ERROR_SKIP"],
    ["[]", "must be one of ON_ERROR_STOP, ON_ERROR_SKIP"],
  ])("reads the enum value %s, or says which there are", (written, hint) => {
    const problems = problemsOf(
      chainTypeFile({ transitions: `[{name: remind, finalState: done, onError: ${written}}]` }),
    );
    expect(problems).toEqual(hint ? [expect.stringContaining(hint)] : []);
  });

  it("has only messages of the kinds that are read", () => {
    const seen = new Set<DescMessage>([RegistryFileSchema]);
    for (const message of seen) {
      if (message.typeName.startsWith("google.protobuf.")) {
        expect(message.typeName).toBe("google.protobuf.Duration");
        continue;
      }
      expect(message.oneofs).toEqual([]);
      for (const field of message.fields) {
        const kind = field.fieldKind === "list" ? field.listKind : field.fieldKind;
        expect(["scalar", "enum", "message"]).toContain(kind);
        expect(field.scalar ?? 9).toBe(9);
        if (field.message) seen.add(field.message);
      }
    }
    expect(seen.size).toBeGreaterThan(8);
  });
});

describe("a file that is right", () => {
  const text = [
    chainTypeFile({ more: "validator: {url: 'grpc://localhost:9000'}" }),
    "validators:",
    "  - chain_type: cart",
    "    endpoint: 'grpc://localhost:9001'",
  ].join("\n");

  it("locates any field, in either spelling, or the nearest thing around it", () => {
    const parsed = parse(text);
    const locate = parsed.kind === "ok" ? parsed.locate : () => undefined;
    expect(locate("chain_types[0].transitions[0].final_state")).toEqual({ line: 3, column: 46 });
    expect(locate("chainTypes[0].transitions[0].finalState")).toEqual({ line: 3, column: 46 });
    expect(locate("chain_types[0].validator.timeout")).toEqual({ line: 5, column: 16 });
    expect(locate("validators[0].endpoint")).toEqual({ line: 8, column: 15 });
    expect(locate("validators[7].endpoint")).toEqual({ line: 7, column: 3 });
    expect(locate("")).toEqual({ line: 1, column: 1 });
  });

  it("locates nothing when it is empty", () => {
    const parsed = parse("# nothing");
    expect(parsed.kind === "ok" && parsed.locate("validators[0]")).toBeUndefined();
  });
});

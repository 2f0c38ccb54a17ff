import type { DescMessage } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { RegistryFileSchema } from "../../gen/ts/dispatcher/v1/registry_file_pb.ts";
import { Refusal } from "../../src/domain/refusal.ts";
import { createEndpointPolicy } from "../../src/outbound/endpoint-policy.ts";
import { parseRegistryFile } from "../../src/registry-file/parse.ts";
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

describe("endpoints in a file", () => {
  const policy = createEndpointPolicy({ allow: [], ownPorts: [7480] });
  const checkEndpoint = (url: string) => {
    try {
      policy.check(url);
      return undefined;
    } catch (error) {
      if (error instanceof Refusal) return error.message;
      throw error;
    }
  };
  const check = (text: string) =>
    parseRegistryFile(
      text,
      (message) => {
        const problem = checkEndpoint(message.validator?.url ?? "");
        return problem ? [{ field: "validator.url", message: problem }] : [];
      },
      checkEndpoint,
    );

  it.each([
    "file:///etc/passwd",
    "gopher://localhost/",
    "javascript:alert(1)",
    "grpc://",
    "grpc://:9000",
    "http://user:secret-word@localhost:9000/",
    "http://localhost:9000/#part",
    "http://localhost:9000/?query",
    "grpc://localhost:0",
    "grpc://localhost:7480",
    "http://169.254.169.254/latest",
    "http://localhost:9000/\\r\\nHost: other",
    "grpc://elsewhere:9000",
  ])("are located when they are refused: %s", (url) => {
    const result = check(
      `${chainTypeFile({ more: `validator: {url: "${url}"}` })}\nvalidators:\n  - {chainType: cart, endpoint: "${url}"}\ncallbacks:\n  - {chainType: cart, mode: CALLBACK_MODE_AFTER_COMMIT, endpoint: "${url}"}`,
    );
    const problems = result.kind === "invalid" ? result.problems : [];
    expect(problems.map(({ line, column, path }) => `${line}:${column} ${path}`)).toEqual([
      "5:22 chainTypes[0].validator.url",
      "7:33 validators[0].endpoint",
      "9:67 callbacks[0].endpoint",
    ]);
    expect(JSON.stringify(problems)).not.toContain("secret-word");
  });

  it("may have a URL of 1000 bytes", () => {
    const url = (length: number) => `http://localhost:9000/${"x".repeat(length - 22)}`;
    expect(problemsOf(chainTypeFile({ more: `validator: {url: "${url(1000)}"}` }))).toEqual([]);
    for (const length of [1001, 100_000]) {
      expect(problemsOf(chainTypeFile({ more: `validator: {url: "${url(length)}"}` }))).toEqual([
        "5:22 chainTypes[0].validator.url: must be at most 1000 bytes",
      ]);
    }
  });

  it.each([
    ["0s", false],
    ["-1s", false],
    ["0.000000001s", false],
    ["0.05s", true],
    ["30s", true],
    ["30.000000001s", false],
    ["1000000000s", false],
  ])("may have a timeout of 50 ms to 30 s: %s", (timeout, isRight) => {
    const text = chainTypeFile({ more: `validator: {url: "grpc://localhost:9000", timeout: ${timeout}}` });
    expect(problemsOf(text)).toEqual(
      isRight
        ? []
        : [
            "5:56 chainTypes[0].validator.timeout: must be greater than or equal to 0.050s and less than or equal to 30s",
          ],
    );
  });

  it("may not keep a claim longer than a third of it", () => {
    const text = chainTypeFile({
      more: "callback: {mode: CALLBACK_MODE_BEFORE_COMMIT, endpoint: {url: 'grpc://localhost:9000', timeout: 11s}}",
    });
    expect(problemsOf(text)).toEqual([
      "5:101 chainTypes[0].callback.endpoint.timeout: a BEFORE_COMMIT callback may take at most 10 s, a third of its claim",
    ]);
  });

  it("have no place for headers or secrets, and what stood there is not repeated", () => {
    const secrets = `validator: {url: "grpc://localhost:9000", headers: {Authorization: Bearer secret-word}, token: secret-word}`;
    const problems = problemsOf(chainTypeFile({ more: secrets }));
    expect(problems).toEqual([
      '5:47 chainTypes[0].validator: unknown key "headers": the keys here are url, timeout',
      '5:93 chainTypes[0].validator: unknown key "token": the keys here are url, timeout',
    ]);
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

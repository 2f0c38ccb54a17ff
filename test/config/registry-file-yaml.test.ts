import { describe, expect, it } from "vitest";
import { chainTypeFile, parse, problemsOf, read } from "../support/registry-file.ts";

const MIB = 1024 * 1024;

describe("a registry file as YAML", () => {
  it.each([
    ["no bytes", ""],
    ["blank lines", "\n\n"],
    ["only comments", "# later\n"],
    ["a bare document", "---\n"],
    ["null", "null"],
    ["an empty mapping", "{}"],
    ["lists without elements", "chainTypes:\nvalidators:\n  # - chainType: cart\ncallbacks: []\n"],
  ])("registers nothing for %s", (_, text) => {
    const file = read(text);
    expect([file.chainTypes, file.validators, file.callbacks]).toEqual([[], [], []]);
  });

  it("reads comments, a byte order mark, CRLF and tabs between tokens", () => {
    const text = `\uFEFF# carts\r\n${chainTypeFile({ more: "validator:\t{url: 'grpc://localhost:9000'} # here" }).replaceAll("\n", "\r\n")}`;
    expect(read(text).chainTypes[0]?.validator?.url).toBe("grpc://localhost:9000");
  });

  it("counts columns behind a byte order mark as an editor does", () => {
    expect(problemsOf("\uFEFFchainTypez: []")).toEqual([
      '1:1: unknown key "chainTypez": did you mean "chainTypes"?',
    ]);
  });

  it("reads JSON, since JSON is YAML", () => {
    const file = {
      chainTypes: [
        {
          name: "cart",
          transitions: [{ name: "a", finalState: "done" }],
          states: [{ name: "new", transitions: ["a"] }],
        },
      ],
    };
    expect(read(JSON.stringify(file)).chainTypes[0]?.transitions[0]?.finalState).toBe("done");
  });

  it("takes words that YAML 1.1 takes for booleans as text", () => {
    const text = chainTypeFile({
      transitions: "[{name: yes, finalState: no}]",
      states: "[{name: new, transitions: [yes]}]",
    });
    expect(read(text).chainTypes[0]?.transitions[0]?.name).toBe("yes");
    expect(read(`%YAML 1.1\n---\n${text}`).chainTypes[0]?.transitions[0]?.finalState).toBe("no");
  });

  it("reads an alias as what it stands for, and says of it where that stands", () => {
    const text = [
      "validators:",
      "  - {chainType: cart, endpoint: &mine 'grpc://localhost:9000', timeout: &long 2s}",
      "  - {chainType: order, endpoint: *mine, timeout: *long}",
    ].join("\n");
    expect(read(text).validators[1]).toMatchObject({
      endpoint: "grpc://localhost:9000",
      timeout: { seconds: 2n },
    });
    expect(problemsOf(text.replace("2s", "2h"))).toEqual([
      '2:79 validators[0].timeout: must be a duration in seconds: "7200s"',
      '2:79 validators[1].timeout: must be a duration in seconds: "7200s"',
    ]);
  });

  it.each([
    ["an unknown alias", "validators: [*none]", "1:14: alias *none has no anchor &none before it"],
    ["an alias within its anchor", "validators: &a [*a]", "1:17: alias *a lies within its own anchor"],
    ["a second document", "{}\n---\n{}", "2:1: a second document begins here: the file must be one document"],
    ["a tab as indentation", "chainTypes:\n\t- name: a", "2:1: Tabs are not allowed as indentation"],
    ["a missing quote", "chainTypes:\n  - name: 'a", "2:13: Missing closing 'quote"],
    [
      "a missing bracket",
      "chainTypes: [",
      "1:14: Flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
    ["bad indentation", "a:\n   b: 1\n  c: 2", "3:1: All mapping items must start at the same column"],
    [
      "a JavaScript tag",
      "chainTypes: !!js/function 'x'",
      "1:13: Unresolved tag: tag:yaml.org,2002:js/function: only the tags of the YAML 1.2 core schema are known",
    ],
    [
      "a tag of YAML 1.1",
      "chainTypes: !!set {a}",
      "1:13: Unresolved tag: tag:yaml.org,2002:set: only the tags of the YAML 1.2 core schema are known",
    ],
    [
      "a tag of somebody's own",
      "chainTypes: !mine []",
      "1:13: Unresolved tag: !mine: only the tags of the YAML 1.2 core schema are known",
    ],
    ["another version of YAML", "%YAML 1.3\n---\n{}", "1:7: Unsupported YAML version 1.3"],
    ["a directive", "%FOO bar\n---\n{}", "1:1: Unknown directive %FOO"],
  ])("refuses %s", (_, text, problem) => {
    expect(problemsOf(text)).toContain(problem);
  });

  it("reports every error of syntax", () => {
    expect(problemsOf("chainTypes: !a []\nvalidators: !b []\n").map((line) => line.slice(0, 4))).toEqual([
      "1:13",
      "2:13",
    ]);
  });

  it("does not merge what YAML 1.2 does not merge", () => {
    const text =
      "validators:\n  - &first {chainType: a, endpoint: 'grpc://localhost:9000'}\n  - <<: *first\n    chainType: b\n";
    expect(problemsOf(text)).toEqual([
      '3:5 validators[1]: unknown key "<<": YAML 1.2 has no merge keys, so repeat what is to be merged',
      "3:5 validators[1].endpoint: is missing",
    ]);
  });

  it("refuses bytes that are no UTF-8, at their place", () => {
    const bytes = Buffer.concat([Buffer.from("# é\nchainTypes: "), Buffer.from([0xff]), Buffer.from("[]")]);
    expect(problemsOf(bytes)).toEqual(["2:13: the file is not UTF-8: a byte here is of no character"]);
    expect(problemsOf(Buffer.from("\uFEFFchainTypes:", "utf16le"))).toEqual([
      "1:1: the file is not UTF-8: a byte here is of no character",
    ]);
    expect(problemsOf(Buffer.from("# \uFFFD is a character"))).toEqual([]);
  });

  it("refuses half of a surrogate pair", () => {
    expect(problemsOf(chainTypeFile({ more: String.raw`validator: {url: "\uD800"}` }))).toEqual([
      "5:22 chainTypes[0].validator.url: must be Unicode text: it has half a surrogate pair",
    ]);
  });
});

describe("a registry file that is too much", { timeout: 30_000 }, () => {
  it("may have 1 MiB and not a byte more", () => {
    const comment = (length: number) => `#${"x".repeat(length - 1)}`;
    expect(problemsOf(comment(MIB))).toEqual([]);
    expect(problemsOf(comment(MIB + 1))).toEqual(["1:1: the file is above its limit of 1 MiB"]);
    expect(problemsOf("é".repeat(MIB / 2 + 1))).toEqual(["1:1: the file is above its limit of 1 MiB"]);
    expect(problemsOf(Buffer.alloc(100 * MIB, "#"))).toEqual(["1:1: the file is above its limit of 1 MiB"]);
  });

  it("refuses a few lines of aliases to aliases, without expanding them", () => {
    const level = (name: string, inner: string) => `  - &${name} [${Array(10).fill(inner).join(", ")}]`;
    const levels = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    const bomb = levels.map((name, index) => level(name, index === 0 ? "x" : `*${levels[index - 1]}`));
    expect(problemsOf(["chainTypes:", ...bomb].join("\n"))).toEqual([
      expect.stringMatching(/^\d+:\d+: the aliases up to here stand for more than 100000 nodes$/),
    ]);
  });

  it("refuses one large chain type that is repeated by aliases", () => {
    const transitions = Array.from({ length: 4000 }, (_, index) => `{name: t${index}, finalState: done}`);
    const text = `chainTypes:\n  - &one {name: cart, transitions: [${transitions}]}\n${"  - *one\n".repeat(900)}`;
    expect(problemsOf(text)).toEqual([expect.stringContaining("stand for more than 100000 nodes")]);
  });

  it.each([
    ["brackets", "[".repeat(200_000)],
    ["closed brackets", "[".repeat(100_000) + "]".repeat(100_000)],
    ["mappings", "{a: ".repeat(100_000)],
    ["dashes", "- ".repeat(100_000)],
    ["keys", "? ".repeat(100_000)],
  ])("refuses nesting without end by %s, in one line of words", (_, text) => {
    expect(problemsOf(text)).toEqual([expect.stringMatching(/^1:\d+: the file is nested too deeply$/)]);
  });

  it("reads as much as fits into 1 MiB: 250 chain types of 40 transitions", () => {
    const names = Array.from({ length: 40 }, (_, index) => `transition-${index}`);
    const transitions = names.map(
      (name) => `      - {name: ${name}, finalState: state-${name}, delay: 1.5s}`,
    );
    const type = (index: number) =>
      [
        `  - name: type-${index}`,
        "    transitions:",
        ...transitions,
        "    states:",
        `      - {name: new, transitions: [${names.join(", ")}]}`,
      ].join("\n");
    const text = ["chainTypes:", ...Array.from({ length: 250 }, (_, index) => type(index))].join("\n");
    expect(text.length).toBeGreaterThan(0.75 * MIB);
    expect(read(text).chainTypes).toHaveLength(250);
  });

  it("names the fifty thousand keys of a file that is something else", () => {
    const text = Array.from({ length: 50_000 }, (_, index) => `key${index}: ${index}`).join("\n");
    expect(parse(text)).toMatchObject({ kind: "invalid", problems: { length: 50_000 } });
    expect(problemsOf(text)).toHaveLength(1001);
    expect(problemsOf(text).at(-1)).toBe(" and 49000 more problems");
  });
});

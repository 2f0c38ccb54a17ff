import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { formatProblems } from "../../src/registry-file/format-problems.ts";
import { parse, read } from "../support/registry-file.ts";

const docs = join(import.meta.dirname, "../../docs");

function blocks(language: string, page = "registry-file.md"): string[] {
  return [
    ...readFileSync(join(docs, page), "utf8").matchAll(
      new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"),
    ),
  ].map(([, block]) => block ?? "");
}

describe("docs/registry-file.md", () => {
  it("has an example that is right", () => {
    const [example = ""] = blocks("yaml");
    const { chainTypes, validators } = read(example);
    expect(chainTypes.map(({ name, states }) => [name, states.map((state) => state.name)])).toEqual([
      ["abandoned_cart", ["new", "reminded_after_2_days", "reminded_after_1_week"]],
    ]);
    expect(validators[0]?.timeout?.nanos).toBe(500_000_000);
  });

  it("has a pod that is YAML", () => {
    const [, pod = ""] = blocks("yaml");
    expect(parseAllDocuments(pod).flatMap(({ errors }) => errors)).toEqual([]);
  });

  it("shows problems as they are told", () => {
    const [shown] = blocks("text");
    const parsed = parse(
      [
        "# Carts",
        "chainTypes:",
        "  - name: abandoned_cart",
        "    evaluation: parallel",
        "    validator:",
        "      url: grpc://127.0.0.1:9000",
        "    transitions:",
        "      - name: remind",
        "        delay: 2d",
        "        onEror: ON_ERROR_SKIP",
        "        finalState: done",
        "    states: [{name: new, transitions: [remind, chase]}]",
      ].join("\n"),
    );
    const problems = parsed.kind === "invalid" ? parsed.problems : [];
    expect(`${formatProblems("dispatcher.yaml", problems)}\n`).toBe(shown);
  });
});

it("docs/rollout.md renames a state as it is done", () => {
  const [example = ""] = blocks("yaml", "rollout.md");
  const [chainType] = read(example).chainTypes;
  expect(chainType?.states.map(({ name, replacedBy }) => [name, replacedBy])).toEqual([
    ["new", ""],
    ["reminded_once", ""],
    ["reminded", "reminded_once"],
  ]);
});

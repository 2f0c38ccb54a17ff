import type { RegistryFile } from "../../gen/ts/dispatcher/v1/registry_file_pb.ts";
import { checkChainType } from "../../src/domain/check-chain-type.ts";
import { formatProblems } from "../../src/registry-file/format-problems.ts";
import { type ParsedRegistryFile, parseRegistryFile } from "../../src/registry-file/parse.ts";
import { chainTypeFromProto } from "../../src/rpc/convert/chain-type.ts";

export function parse(text: string | Buffer): ParsedRegistryFile {
  return parseRegistryFile(text, (message) => checkChainType(chainTypeFromProto(message)));
}

/** What a file says. */
export function read(text: string | Buffer): RegistryFile {
  const parsed = parse(text);
  if (parsed.kind === "invalid") throw new Error(formatProblems("file.yaml", parsed.problems));
  return parsed.file;
}

/** What is wrong with a file, one problem a line without the file's name: `3:5 chainTypes[0]: message`. */
export function problemsOf(text: string | Buffer): string[] {
  const parsed = parse(text);
  return parsed.kind === "ok" ? [] : formatProblems("", parsed.problems).replaceAll(/^:/gm, "").split("\n");
}

/** A chain type that is right, with other lines for some of its keys; an empty text leaves the key out. */
export function chainTypeFile(lines: { transitions?: string; states?: string; more?: string } = {}): string {
  const {
    transitions = "[{name: remind, finalState: done}]",
    states = "[{name: new, transitions: [remind]}]",
    more,
  } = lines;
  return [
    "chainTypes:",
    "  - name: cart",
    ...(transitions ? [`    transitions: ${transitions}`] : []),
    ...(states ? [`    states: ${states}`] : []),
    ...(more ? [`    ${more}`] : []),
  ].join("\n");
}

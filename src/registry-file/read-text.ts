import { isUtf8 } from "node:buffer";
import type { FileProblem } from "./file-problem.ts";

/** A registry file may not be larger. */
export const MAX_REGISTRY_FILE_BYTES = 1024 * 1024;

export type ReadText = { kind: "ok"; text: string } | { kind: "invalid"; problem: FileProblem };

/** The file's text without a byte order mark; refused above 1 MiB and where it is not UTF-8. */
export function readText(file: string | Buffer): ReadText {
  const bytes = Buffer.isBuffer(file) ? file : Buffer.from(file);
  if (bytes.length > MAX_REGISTRY_FILE_BYTES) return invalid(1, 1, "the file is above its limit of 1 MiB");
  if (!isUtf8(bytes)) {
    const { line, column } = firstBadByte(bytes);
    return invalid(line, column, "the file is not UTF-8: a byte here is of no character");
  }
  return { kind: "ok", text: bytes.toString("utf8").replace(/^\uFEFF/, "") };
}

function firstBadByte(bytes: Buffer): { line: number; column: number } {
  const repaired = Buffer.from(bytes.toString("utf8"));
  const offset = bytes.findIndex((byte, index) => byte !== repaired[index]);
  const before = bytes.subarray(0, offset).toString("utf8").split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function invalid(line: number, column: number, message: string): ReadText {
  return { kind: "invalid", problem: { line, column, path: "", message } };
}

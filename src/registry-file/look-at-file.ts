import { type FileHandle, open, stat } from "node:fs/promises";
import { MAX_REGISTRY_FILE_BYTES } from "./read-text.ts";

/** What stands at a path at one moment. */
export type Look = { kind: "text"; text: Buffer } | { kind: "unreadable"; error: Error };

/**
 * Reads what stands at a path, through symlinks.
 *
 * The file is opened once and read to its end, so that a swapped symlink or a rename yields the old content or the new one.
 * Of a file above the limit only as much is read as shows that it is.
 */
export async function lookAtFile(path: string): Promise<Look> {
  try {
    // Opening a named pipe would wait for its writer.
    if (!(await stat(path)).isFile()) throw new Error(`${path} is not a file`);
    await using file = await open(path, "r");
    return { kind: "text", text: await readWhole(file) };
  } catch (error) {
    return { kind: "unreadable", error: error instanceof Error ? error : new Error(String(error)) };
  }
}

export function isSameLook(a: Look, b: Look): boolean {
  if (a.kind === "text") return b.kind === "text" && a.text.equals(b.text);
  return b.kind === "unreadable" && a.error.message === b.error.message;
}

async function readWhole(file: FileHandle): Promise<Buffer> {
  const buffer = Buffer.alloc(MAX_REGISTRY_FILE_BYTES + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return Buffer.from(buffer.subarray(0, length));
}

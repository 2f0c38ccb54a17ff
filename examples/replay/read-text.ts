import { type FileHandle, open } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { ReplayError } from "./replay-error.ts";

/** The text of a file, piece by piece, unpacked if it is gzip, whatever its name. */
export async function* readText(path: string): AsyncGenerator<string, void> {
  try {
    const file = await open(path);
    try {
      yield* decode(await bytesOf(file));
    } finally {
      await file.close();
    }
  } catch (error) {
    throw explained(error);
  }
}

async function bytesOf(file: FileHandle): Promise<AsyncIterable<Buffer>> {
  const { buffer: magic, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
  const bytes = file.createReadStream({ start: 0, autoClose: false });
  if (bytesRead < 2 || magic.readUInt16BE() !== 0x1f8b) return bytes;
  // An error of either stream reaches whoever reads the last one.
  return pipeline(bytes, createGunzip(), () => undefined);
}

async function* decode(bytes: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  for await (const chunk of bytes) {
    decoder ??= new TextDecoder(encodingOf(chunk), { fatal: true });
    yield decoder.decode(chunk, { stream: true });
  }
  yield decoder?.decode() ?? "";
}

/** By byte order mark, else by the XML declaration, else UTF-8, as XML has it. */
function encodingOf(head: Buffer): string {
  if (head.subarray(0, 2).equals(Buffer.from([0xff, 0xfe]))) return "utf-16le";
  if (head.subarray(0, 2).equals(Buffer.from([0xfe, 0xff]))) return "utf-16be";
  const declaration = /^(?:\xef\xbb\xbf)?<\?xml[^>]*?\sencoding\s*=\s*["']([\w.-]+)/.exec(
    head.toString("latin1", 0, 256),
  );
  return declaration?.[1] ?? "utf-8";
}

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "the file may not be read",
  EISDIR: "this is a folder, not a file",
  Z_BUF_ERROR: "the gzip data ends too early: the file was cut short",
  Z_DATA_ERROR: "the gzip data is damaged",
  ERR_ENCODING_INVALID_ENCODED_DATA:
    "the text is not valid in its encoding (UTF-8 unless the file declares another)",
  ERR_ENCODING_NOT_SUPPORTED: "the file declares an encoding that is not known",
};

function explained(error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const explanation = EXPLANATIONS[code];
  return explanation ? new ReplayError(explanation, { cause: error }) : error;
}

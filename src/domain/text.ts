const MAX_TEXT_BYTES = 4096;

/**
 * A text from outside as it may be kept: at most 4 KiB, cut on a UTF-8 boundary, and without U+0000, which PostgreSQL
 * cannot hold.
 */
export function keepableText(text: string): string {
  const clean = text.replaceAll("\0", "\uFFFD");
  if (Buffer.byteLength(clean) <= MAX_TEXT_BYTES) return clean;
  let bytes = MAX_TEXT_BYTES;
  const all = Buffer.from(clean);
  while ((all.readUInt8(bytes) & 0xc0) === 0x80) bytes -= 1;
  return all.toString("utf8", 0, bytes);
}

/** The beginning of a text that takes at most so many bytes of UTF-8, with "..." in place of what was cut. */
export function cutText(text: string, maxBytes: number): string {
  // A character takes a byte at least, so that a text of millions of them is not encoded for nothing.
  const candidate = text.length > maxBytes ? text.slice(0, maxBytes + 1) : text;
  const bytes = Buffer.from(candidate.toWellFormed());
  if (bytes.length <= maxBytes) return bytes.toString();

  let end = maxBytes - 3;
  while ((bytes.readUInt8(end) & 0xc0) === 0x80) end -= 1;
  return `${bytes.toString("utf8", 0, end)}...`;
}

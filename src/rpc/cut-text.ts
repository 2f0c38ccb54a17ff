/**
 * The longest beginning of a well-formed text whose measure is within the limit, with "..." in place of what was cut. The
 * measure must not shrink as the text grows.
 */
export function cutText(
  text: string,
  limit: number,
  measure: (text: string) => number = Buffer.byteLength,
): string {
  // No character is shorter than one byte, and a text of millions of characters is not measured for nothing.
  const candidate = text.length > limit ? text.slice(0, limit).toWellFormed() : text;
  if (candidate === text && measure(text) <= limit) return text;

  const characters = [...candidate];
  let fits = 0;
  let tooLong = characters.length;
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >>> 1;
    if (measure(`${characters.slice(0, middle).join("")}...`) <= limit) fits = middle;
    else tooLong = middle;
  }
  return `${characters.slice(0, fits).join("")}...`;
}

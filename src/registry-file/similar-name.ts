/** The name that somebody who wrote `text` most likely meant; undefined if none is close. */
export function similarName(text: string, names: readonly string[]): string | undefined {
  const wanted = plain(text);
  const allowed = Math.max(1, Math.floor(wanted.length / 3));
  const ranked = names
    .filter((name) => Math.abs(plain(name).length - wanted.length) <= allowed)
    .map((name) => ({ name, distance: editDistance(plain(name), wanted) }))
    .filter(({ distance }) => distance <= allowed)
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.name;
}

/** Case and separators are what people get wrong first: `on-error`, `OnError` and `on_error` are one name here. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_ ]/g, "");
}

/** Insertions, removals, replacements and swaps of neighbours that turn one text into the other. */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current.push(
        Math.min(
          at(last, column) + 1,
          at(current, column - 1) + 1,
          at(last, column - 1) + (same ? 0 : 1),
          swapped ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    beforeLast = last;
    last = current;
  }
  return at(last, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}

const MAX_CHARACTERS = 60;

/** A text from the file as a message shows it: in quotes, on one line and not for ever. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}…` : text);
}

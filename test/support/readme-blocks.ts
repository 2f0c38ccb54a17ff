/** A fenced block of a Markdown text. */
export interface Block {
  /** The HTML comment right before it, which says what a test does with it; empty without one. */
  readonly mark: string;
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of a Markdown text, in order. */
export function readBlocks(markdown: string): Block[] {
  const fences = markdown.matchAll(/^(?:<!-- ([^\n]+) -->\n)?```(\w+)\n(.*?)^```$/gms);
  return [...fences].map(([, mark = "", language = "", text = ""]) => ({ mark, language, text }));
}

/** A command that the text tells to run, and the answer that it shows for it. */
export interface Step {
  /** The answer may take a moment to come true. */
  readonly mayLag: boolean;
  readonly command: string;
  readonly answer: object;
}

/**
 * The commands marked `run`, each with the JSON block that comes next.
 *
 * @throws Error if a command shows no answer
 */
export function readSteps(blocks: readonly Block[]): Step[] {
  return blocks.flatMap(({ mark, text: command }, at) => {
    if (!mark.startsWith("run")) return [];
    const shown = blocks[at + 1];
    if (shown?.language !== "json") throw new Error(`no answer is shown for:\n${command}`);
    return [{ mayLag: mark === "run until it matches", command, answer: JSON.parse(shown.text) }];
  });
}

/** What the block marked `file` in the given language holds. */
export function readFileBlock(blocks: readonly Block[], language: string): string {
  const found = blocks.find((block) => block.mark === "file" && block.language === language);
  if (!found) throw new Error(`no file in ${language}`);
  return found.text;
}

import type { LogCase } from "./log-case.ts";
import { readText } from "./read-text.ts";
import { XesParser } from "./xes-parser.ts";

/** The cases of an XES log in the file's order, read no further than they are asked for: memory holds one piece of the file. */
export async function* readXes(path: string): AsyncGenerator<LogCase, void> {
  const parser = new XesParser();
  for await (const text of readText(path)) yield* parser.write(text);
  parser.close();
}

import { isAlias, type Node } from "yaml";
import { type FieldPath, printFieldPath } from "./field-path.ts";
import type { FileProblem } from "./file-problem.ts";
import type { Position, ReadDocument } from "./read-document.ts";

/** What is found out while a file is read: where each field stands, and what is wrong. */
export class Reading {
  readonly problems: FileProblem[] = [];
  readonly #document: ReadDocument;
  readonly #positions = new Map<string, Position>();
  readonly #doubtful = new Set<string>();

  constructor(document: ReadDocument) {
    this.#document = document;
  }

  /** The node itself, or what it stands for if it is an alias. */
  follow(node: unknown): Node | null {
    return isAlias(node) ? (this.#document.aliases.get(node) ?? null) : (node as Node | null);
  }

  /** Remembers where a field stands. */
  place(path: FieldPath, node: Node | null): void {
    const position = this.#positionOf(node);
    if (position) this.#positions.set(printFieldPath(path), position);
  }

  /** True if the file has this very field. */
  has(path: FieldPath): boolean {
    return this.#positions.has(printFieldPath(path));
  }

  /** Where a field stands, or the nearest thing around it that the file has; undefined in an empty file. */
  locate(path: FieldPath): Position | undefined {
    for (let length = path.length; length >= 0; length--) {
      const position = this.#positions.get(printFieldPath(path.slice(0, length)));
      if (position) return position;
    }
    return undefined;
  }

  /** Reports a problem at a node, or where the field stands. */
  report(path: FieldPath, message: string, node?: Node | null): void {
    const position = this.#positionOf(node) ?? this.locate(path) ?? { line: 1, column: 1 };
    this.problems.push({ ...position, path: printFieldPath(path), message });
  }

  /** Says that a field was not read as it was meant: what is judged later may not blame it once more. */
  doubt(path: FieldPath): void {
    this.#doubtful.add(printFieldPath(path));
  }

  /** True if the field, or something that it lies in, was not read as it was meant. */
  isDoubtful(path: FieldPath): boolean {
    return path.some((_, place) => this.#doubtful.has(printFieldPath(path.slice(0, place + 1))));
  }

  #positionOf(node: Node | null | undefined): Position | undefined {
    return node?.range ? this.#document.positionOf(node.range[0]) : undefined;
  }
}

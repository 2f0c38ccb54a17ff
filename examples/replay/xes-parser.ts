import { SaxesParser, type SaxesTagPlain } from "saxes";
import { checkText, type LogCase } from "./log-case.ts";
import { ReplayError } from "./replay-error.ts";

const NAME = "concept:name";

/**
 * Picks the cases out of an XES document that comes in pieces. Only the `concept:name` of a trace and of its events counts,
 * and only as their own attribute: globals, classifiers, nested attributes and events outside a trace belong to no case.
 */
export class XesParser {
  readonly #sax = new SaxesParser();
  /** Names of the elements that are open, from the root on. */
  readonly #open: string[] = [];
  #finished: LogCase[] = [];
  #traces = 0;
  #caseName: string | undefined;
  #activities: string[] = [];
  #activity: string | undefined;

  constructor() {
    this.#sax.on("opentag", (tag) => this.#enter(tag));
    this.#sax.on("closetag", () => this.#leave());
    this.#sax.on("error", ({ message }) => {
      throw new ReplayError(`this is not well-formed XML: at ${message}`);
    });
  }

  /** Takes the next piece and answers the cases that it completes. */
  write(text: string): LogCase[] {
    this.#sax.write(text);
    return this.#take();
  }

  /** Refuses a document that has not come to its end. */
  close(): void {
    this.#sax.close();
  }

  #take(): LogCase[] {
    const finished = this.#finished;
    this.#finished = [];
    return finished;
  }

  #enter({ name: qualified, attributes }: SaxesTagPlain): void {
    // XES files bind its namespace to any prefix or to none.
    const name = qualified.slice(qualified.indexOf(":") + 1);
    const place = this.#place();
    if (place === "" && name !== "log") {
      throw new ReplayError(`this is not an XES log: its root element is <${qualified}>, not <log>`);
    }
    if (attributes["key"] === NAME) {
      if (place === "log/trace") this.#caseName = attributes["value"];
      if (place === "log/trace/event") this.#activity = attributes["value"];
    }
    this.#open.push(name);
  }

  #leave(): void {
    const place = this.#place();
    this.#open.pop();
    if (place === "log/trace/event") this.#endEvent();
    if (place === "log/trace") this.#endTrace();
  }

  #endEvent(): void {
    if (!this.#activity) {
      throw new ReplayError(`the event that ends at line ${this.#sax.line} has no ${NAME}, so no activity`);
    }
    checkText(this.#activity, `the activity at line ${this.#sax.line}`);
    this.#activities.push(this.#activity);
    this.#activity = undefined;
  }

  #endTrace(): void {
    const name = this.#caseName || undefined;
    if (name) checkText(name, `the ${NAME} of the trace that ends at line ${this.#sax.line}`);
    this.#traces += 1;
    this.#finished.push({ trace: this.#traces, name, activities: this.#activities });
    this.#caseName = undefined;
    this.#activities = [];
  }

  /** Deeper than an event everything is the same: not ours. */
  #place(): string {
    return this.#open.length > 3 ? "deeper" : this.#open.join("/");
  }
}

import type { EventPage } from "../store/read-events.ts";

/** Of all pages together. */
const MOST_EVENTS = 1000;
const MOST_BYTES = 1024 * 1024;

/** The newest pages of the stream, for all who watch: whoever keeps up finds the next one here. */
export class RecentPages {
  #pages: readonly EventPage[] = [];
  #end: number | undefined;
  #withChains = false;

  /** The position up to which the stream has been read; undefined if it is not followed. */
  get end(): number | undefined {
    return this.#end;
  }

  /** Pages are of use only with what is known of the chains. */
  get withChains(): boolean {
    return this.#withChains;
  }

  /** From now on somebody judges events by their chains: pages without are dropped. */
  askChains(): void {
    if (!this.#withChains) this.#pages = [];
    this.#withChains = true;
  }

  /** Follows the stream from here on. */
  begin(position: number): void {
    this.#pages = [];
    this.#end = position;
  }

  /** The page that follows the last one. The oldest are let go. */
  add(page: EventPage, withChains: boolean): void {
    this.#end = page.end;
    if (this.#withChains && !withChains) return;
    let events = 0;
    let bytes = 0;
    const isKept = (kept: EventPage) => {
      events += kept.events.length;
      bytes += kept.bytes;
      return events <= MOST_EVENTS && bytes <= MOST_BYTES;
    };
    const kept = [...this.#pages, page];
    const oldest = kept.findLastIndex((candidate) => !isKept(candidate));
    this.#pages = kept.slice(oldest + 1);
  }

  /** What follows the position, if it is here. */
  find(position: number, withChains: boolean): EventPage | undefined {
    if (withChains && !this.#withChains) return undefined;
    const page = this.#pages.find(({ after, end }) => after <= position && position < end);
    if (!page || page.after === position) return page;
    return { ...page, after: position, events: page.events.filter((event) => event.position > position) };
  }

  /** Nobody watches any more. */
  clear(): void {
    this.#pages = [];
    this.#end = undefined;
    this.#withChains = false;
  }
}

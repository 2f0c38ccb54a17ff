import type { StreamHead, StreamPlace } from "../domain/stream-place.ts";
import type { Database } from "../store/database.ts";
import { assignPositions } from "../store/positions.ts";
import { type EventPage, readEvents } from "../store/read-events.ts";
import { refuseExpired } from "./event-cursor.ts";
import { RecentPages } from "./recent-pages.ts";
import { sharedRun } from "./shared-run.ts";

/** Events that one statement gives positions to, some 30 ms of the database. */
const BATCH = 1000;

/**
 * The stream of events as this sidecar sees it. What is new is read once, however many watch, and kept for a moment. Whoever is
 * further behind reads pages of its own, one after another over all, so that those who catch up leave the database to others.
 */
export class EventFeed {
  /**
   * Gives a position to every event that was committed before the call, and hands on what is new to those who watch. Callers
   * share runs.
   */
  readonly advance: () => Promise<StreamHead>;
  readonly #database: Database;
  readonly #recent = new RecentPages();
  readonly #waiting = new Set<() => void>();
  /** How far the stream is known to go; for those who watch, how far it has been read. */
  #known: StreamPlace | undefined;
  #watchers = 0;
  #isClosed = false;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(database: Database) {
    this.#database = database;
    this.advance = sharedRun(() => this.#advance());
  }

  get isWatched(): boolean {
    return this.#watchers > 0;
  }

  /** True once the sidecar is stopping. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Begins to watch, until `leave`. `withChains`: the watcher judges events by their chains. */
  enter(withChains: boolean): void {
    this.#watchers += 1;
    if (withChains) this.#recent.askChains();
  }

  leave(): void {
    this.#watchers -= 1;
    if (this.#watchers === 0) this.#recent.clear();
  }

  /**
   * What follows a place; undefined if nothing does yet.
   *
   * @throws Refusal CURSOR_EXPIRED if the stream cannot go on from there without a gap
   */
  async pageAfter(place: StreamPlace, withChains: boolean): Promise<EventPage | undefined> {
    const { epoch, position } = place;
    const isOfNow = this.#known?.epoch === epoch;
    if (isOfNow && this.#known?.position === position) return undefined;
    const recent = isOfNow ? this.#recent.find(position, withChains) : undefined;
    const page = recent ?? (await this.#read(position, withChains));
    refuseExpired(place, page.head);
    return page;
  }

  /** Resolves when the stream goes on after a place, after so long, or when the signal is aborted or the feed is closed. */
  goesOn({ epoch, position }: StreamPlace, waitMs: number, signal: AbortSignal): Promise<void> {
    const isOfNow = this.#known?.epoch === epoch;
    if (this.#isClosed || signal.aborted || !isOfNow || (this.#known?.position ?? 0) > position)
      return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, waitMs);
      signal.addEventListener("abort", wake);
      this.#waiting.add(wake);
    });
  }

  /** Lets everybody who watches go. */
  close(): void {
    this.#isClosed = true;
    this.#wakeAll();
  }

  async #advance(): Promise<StreamHead> {
    for (;;) {
      const { head, found } = await assignPositions(this.#database, BATCH);
      await this.#handOn(head);
      if (found < BATCH) return head;
    }
  }

  async #handOn(head: StreamHead): Promise<void> {
    const { epoch } = head;
    if (this.isWatched) {
      const { end } = this.#recent;
      if (end === undefined || end > head.position || this.#known?.epoch !== epoch)
        this.#recent.begin(head.position);
      while (this.isWatched && (this.#recent.end ?? 0) < head.position) await this.#readNext();
    }
    this.#goneTo({ epoch, position: this.#recent.end ?? head.position });
  }

  async #readNext(): Promise<void> {
    const { end = 0, withChains } = this.#recent;
    const page = await this.#read(end, withChains);
    if (!this.isWatched) return;
    this.#recent.add(page, withChains);
    this.#goneTo({ epoch: page.head.epoch, position: page.end });
  }

  #goneTo(place: StreamPlace): void {
    const { epoch, position } = this.#known ?? {};
    this.#known = place;
    if (epoch !== place.epoch || position !== place.position) this.#wakeAll();
  }

  #read(after: number, withChains: boolean): Promise<EventPage> {
    const page = this.#reading.then(() => readEvents(this.#database, after, withChains));
    this.#reading = page.catch(() => undefined);
    return page;
  }

  #wakeAll(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

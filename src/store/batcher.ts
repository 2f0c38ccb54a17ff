import { setTimeout } from "node:timers/promises";
import { isContention, isDataError } from "./database-error.ts";

export interface Batching<Item, Result> {
  /** Runs one statement for all items, and gives their results in the same order. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly mostItems: number;
  /** Statements that run at once. */
  readonly mostInFlight: number;
  /** Two items of one key never share a statement: the second waits for the next. */
  readonly keyOf?: (item: Item) => string;
  readonly bytesOf?: (item: Item) => number;
}

/** One statement must not grow without bounds with the contexts it carries; a larger item goes alone. */
const MOST_BYTES = 1024 * 1024;
const LONGEST_JITTER_MS = 20;

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets concurrent callers share statements. Nobody is delayed for it: a batch is what has queued up while the ones before it
 * were in flight, and the calls that came in by one turn of the event loop.
 *
 * An item never joins a statement that is sent already, so that a read sees all that was written before it was asked for. What
 * is wrong with one item's data harms only that item: its batch is halved down to it. A batch that lost to others is run
 * once more. Every other failure is told to all of the batch, since it says the same of each.
 */
export class Batcher<Item, Result> {
  readonly #batching: Batching<Item, Result>;
  #queue: Waiting<Item, Result>[] = [];
  #inFlight = 0;
  #isScheduled = false;

  constructor(batching: Batching<Item, Result>) {
    this.#batching = batching;
  }

  submit(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, resolve, reject });
      if (this.#isScheduled || this.#inFlight >= this.#batching.mostInFlight) return;
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.#sendQueued();
      });
    });
  }

  #sendQueued(): void {
    while (this.#queue.length > 0 && this.#inFlight < this.#batching.mostInFlight) {
      this.#inFlight += 1;
      void this.#send(this.#takeBatch()).finally(() => {
        this.#inFlight -= 1;
        this.#sendQueued();
      });
    }
  }

  /** From the front of the queue, in order; what does not fit stays for the next. */
  #takeBatch(): Waiting<Item, Result>[] {
    const { mostItems, keyOf, bytesOf } = this.#batching;
    const batch: Waiting<Item, Result>[] = [];
    const left: Waiting<Item, Result>[] = [];
    const keys = new Set<string>();
    let bytes = 0;
    let index = 0;
    for (; index < this.#queue.length && batch.length < mostItems; index += 1) {
      const waiting = this.#queue[index] as Waiting<Item, Result>;
      const key = keyOf?.(waiting.item);
      if (key !== undefined && keys.has(key)) {
        left.push(waiting);
        continue;
      }
      bytes += bytesOf?.(waiting.item) ?? 0;
      if (bytes > MOST_BYTES && batch.length > 0) break;
      if (key !== undefined) keys.add(key);
      batch.push(waiting);
    }
    this.#queue = [...left, ...this.#queue.slice(index)];
    return batch;
  }

  async #send(batch: readonly Waiting<Item, Result>[], isRepeated = false): Promise<void> {
    try {
      const results = await this.#batching.run(batch.map(({ item }) => item));
      // The statement has one row for each item.
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
    } catch (error) {
      if (batch.length > 1 && isDataError(error)) {
        const middle = batch.length >> 1;
        await Promise.all([this.#send(batch.slice(0, middle)), this.#send(batch.slice(middle))]);
      } else if (isContention(error) && !isRepeated) {
        await setTimeout(Math.random() * LONGEST_JITTER_MS);
        await this.#send(batch, true);
      } else {
        for (const { reject } of batch) reject(error);
      }
    }
  }
}

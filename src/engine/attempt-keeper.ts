import type { Attempt } from "../domain/attempt.ts";
import { keepAttempts } from "../store/attempts.ts";
import type { ChainStore } from "../store/chain-store.ts";
import { settle } from "./settle.ts";

const FLUSH_INTERVAL_MS = 1_000;
const MOST_AT_ONCE = 128;

/**
 * Keeps the last attempt of each chain that did not move (R15). One that changes what is held is written before the caller
 * is answered; the others are written behind, each chain at most once a second, since the commonest answer must not wait
 * for a disk.
 */
export class AttemptKeeper {
  readonly #store: ChainStore;
  readonly #onError: (error: unknown) => void;
  #pending = new Map<string, Attempt>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(store: ChainStore, onError: (error: unknown) => void) {
    this.#store = store;
    this.#onError = onError;
  }

  async keepNow(attempt: Attempt): Promise<void> {
    this.#pending.delete(attempt.chainId);
    await settle({
      write: async () => {
        await this.#store.keepAttempt(attempt);
        return true;
      },
      // To write the same once more is as good as to know.
      check: async () => undefined,
    });
  }

  keepSoon(attempt: Attempt): void {
    this.#pending.set(attempt.chainId, attempt);
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_INTERVAL_MS).unref();
  }

  /** Writes what is pending; called at the end as well, so that nothing is lost by a shutdown. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    const attempts = [...this.#pending.values()];
    this.#pending = new Map();
    for (let from = 0; from < attempts.length; from += MOST_AT_ONCE) {
      // A trace that cannot be written must not fail anybody's Execute; the next attempt leaves it again.
      await keepAttempts(this.#store.database, attempts.slice(from, from + MOST_AT_ONCE), "behind").catch(
        this.#onError,
      );
    }
  }
}

import { Refusal } from "../domain/refusal.ts";
import type { Call } from "./call.ts";

export interface CallOrigin {
  /** On the process's monotonic clock. */
  readonly deadlineMs?: number | undefined;
  /** Size of the request as it came, uncompressed; undefined if it is not known. */
  readonly requestBytes?: number | undefined;
}

/** The clocks of timers and of `performance` differ by the millisecond that they round to. */
const TIMER_SLACK_MS = 2;

/**
 * A call from its arrival to its answer: ended early by whoever notices that nobody waits for the answer any more.
 *
 * It makes no signal until a handler asks for one, since most calls need none.
 */
export class LiveCall implements Call {
  readonly deadlineMs: number | undefined;
  readonly requestBytes: number | undefined;
  #controller: AbortController | undefined;
  #ended: Refusal | undefined;
  #answered = false;
  #stopWaiting: ((refusal: Refusal) => void) | undefined;

  constructor(origin: CallOrigin) {
    this.deadlineMs = origin.deadlineMs;
    this.requestBytes = origin.requestBytes;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#ended) this.#controller.abort(this.#ended);
    }
    return this.#controller.signal;
  }

  /** Ends the call, unless it is answered or ended already. Its handler is told by its signal and waited for no longer. */
  end(refusal: Refusal): void {
    if (this.#ended || this.#answered) return;
    this.#ended = refusal;
    this.#stopWaiting?.(refusal);
    this.#controller?.abort(refusal);
  }

  /** The caller went away or its deadline passed; which of them, the clock tells. */
  abandon(): void {
    // Told of every call that is answered too: an Error made for nothing would be its dearest part.
    if (this.#ended || this.#answered) return;
    this.end(
      this.#isLate(TIMER_SLACK_MS) ? deadlineExceeded() : new Refusal("CANCELLED", "the caller went away"),
    );
  }

  /** True if it was ended before it was answered. */
  get isEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** From now on the call can no longer be ended. */
  markAnswered(): void {
    this.#answered = true;
  }

  /** Throws if nobody waits for the answer any more. */
  throwIfOver(): void {
    if (this.#ended) throw this.#ended;
    if (this.#isLate()) throw deadlineExceeded();
  }

  /** What the promise comes to, or a refusal as soon as the call is ended, even if the promise never settles. */
  whileAwaited<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended) reject(this.#ended);
      this.#stopWaiting = reject;
      promise.then(resolve, reject);
    });
  }

  #isLate(slackMs = 0): boolean {
    return this.deadlineMs !== undefined && this.deadlineMs <= performance.now() + slackMs;
  }
}

export function deadlineExceeded(): Refusal {
  return new Refusal("DEADLINE_EXCEEDED", "the deadline passed before there was an answer");
}

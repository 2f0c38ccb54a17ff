import type { Dispatcher } from "undici";
import type { HttpHeard } from "./http-heard.ts";
import type { MethodTerms } from "./method-terms.ts";

type Terms = MethodTerms & { isWholeAnswer(httpStatus: number): boolean };

/**
 * One exchange over HTTP, from the connection to the end of the answer's body. It tells what was heard as soon as that is
 * all that is wanted, or the time is up, or the signal ends; what still comes then is read up to the limit and forgotten, so
 * that the connection can be used again and memory stays flat.
 *
 * undici's `request` does not tell whether a request that failed was sent at all.
 */
export class HttpExchange implements Dispatcher.DispatchHandler {
  readonly #terms: Terms;
  readonly #tell: (heard: HttpHeard) => void;
  readonly #signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  readonly #giveUp = (): void => {
    this.#settle("given up");
    this.#stop();
  };
  readonly #heard: HttpHeard = {
    isSent: false,
    status: 0,
    headers: {},
    chunks: [],
    end: "given up",
    error: undefined,
  };
  #bytes = 0;
  #isTold = false;
  #isOver = false;
  #controller: Dispatcher.DispatchController | undefined;

  constructor(
    terms: Terms,
    limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
    tell: (heard: HttpHeard) => void,
  ) {
    this.#terms = terms;
    this.#tell = tell;
    this.#signal = limits.signal;
    this.#signal.addEventListener("abort", this.#giveUp, { once: true });
    this.#timer = setTimeout(this.#giveUp, Math.ceil(limits.timeoutMs));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // undici puts requests back into its queue after some ends of a connection. None is known to hit one that was begun, but
    // whether an effect happens twice must not hang on that.
    const isAgain = this.#heard.isSent && !this.#terms.isRepeatable;
    if (this.#isOver || isAgain) {
      controller.abort(new Error("the request must not be sent"));
      return;
    }
    this.#controller = controller;
    this.#heard.isSent = true;
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: HttpHeard["headers"]): void {
    if (status < 200) return;
    this.#heard.status = status;
    this.#heard.headers = headers;
    if (this.#terms.isWholeAnswer(status)) this.#settle("whole");
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#terms.maxAnswerBytes) {
      this.#settle("cut");
      this.#stop();
    } else if (!this.#isTold) this.#heard.chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#settle("whole");
    this.#release();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#heard.error ??= error;
    this.#settle("broken");
    this.#release();
  }

  #settle(end: HttpHeard["end"]): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#heard.end = end;
    this.#tell(this.#heard);
  }

  /** Ends the exchange itself: a request that waits for a connection is not sent, an answer not read any further. */
  #stop(): void {
    if (this.#isOver) return;
    this.#release();
    this.#controller?.abort(new Error("no more of the answer is read"));
  }

  #release(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#signal.removeEventListener("abort", this.#giveUp);
  }
}

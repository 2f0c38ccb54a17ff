import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Command, FromShop, ToShop } from "./shop/commands.ts";
import type { SweptCart } from "./shop/sweep.ts";

/** The shop as a process of its own: beside the sidecar's address it shares nothing with the demo. */
export class ShopProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  readonly #waiting = new Map<number, PromiseWithResolvers<readonly SweptCart[]>>();
  readonly #open = Promise.withResolvers<void>();
  #commands = 0;

  constructor(dispatcherAddress: string) {
    this.#child = fork(join(import.meta.dirname, "shop/main.ts"), {
      env: { ...process.env, DISPATCHER_ADDRESS: dispatcherAddress },
      // What the shop answers contains 64-bit integers and bytes, which JSON has no words for.
      serialization: "advanced",
      // Older releases of Node 24 call node:sqlite experimental.
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    this.#child.on("message", (message: FromShop) => this.#receive(message));
    this.#exit = once(this.#child, "exit").then(() => this.#fail(new Error("the shop has closed")));
  }

  /** Resolves once the shop has registered its chain type and its validators. */
  open(): Promise<void> {
    return this.#open.promise;
  }

  /** Resolves once the command is done, with the carts that it swept. */
  tell(command: Command): Promise<readonly SweptCart[]> {
    const id = ++this.#commands;
    const waiting = Promise.withResolvers<readonly SweptCart[]>();
    this.#waiting.set(id, waiting);
    this.#child.send({ id, command } satisfies ToShop);
    return waiting.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#exit;
  }

  #receive(message: FromShop): void {
    switch (message.kind) {
      case "open":
        this.#open.resolve();
        break;
      case "finished":
        this.#take(message.id)?.resolve(message.swept);
        break;
      case "failed":
        this.#take(message.id)?.reject(new Error(`the shop failed: ${message.message}`));
        break;
    }
  }

  #take(id: number): PromiseWithResolvers<readonly SweptCart[]> | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #fail(error: Error): void {
    this.#open.reject(error);
    // Nobody may be waiting any more.
    this.#open.promise.catch(() => {});
    for (const waiting of this.#waiting.values()) waiting.reject(error);
  }
}

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Command, FromShop, Told, ToShop } from "./shop/commands.ts";

/** What the shop is told of the world around it. */
export interface ShopSurroundings {
  readonly dispatcherAddress: string;
  readonly smtpUrl: string;
  /** Of the shop's database. */
  readonly file: string;
  readonly grpcPort: number;
  readonly webPort: number;
}

/** The shop as a process of its own. It may be killed and started again: what it knows is in its database. */
export class ShopProcess implements AsyncDisposable {
  readonly #surroundings: ShopSurroundings;
  readonly #waiting = new Map<number, PromiseWithResolvers<Told>>();
  #open = Promise.withResolvers<void>();
  #running: { readonly child: ChildProcess; readonly exit: Promise<unknown> } | undefined;
  #commands = 0;
  #isDisposed = false;

  constructor(surroundings: ShopSurroundings) {
    this.#surroundings = surroundings;
  }

  /** Resolves once the shop has registered its chain type and its callback. */
  async start(): Promise<void> {
    if (this.#isDisposed) throw new Error("the demo is over");
    const { dispatcherAddress, smtpUrl, file, grpcPort, webPort } = this.#surroundings;
    const child = fork(join(import.meta.dirname, "shop/main.ts"), {
      // Its own process group: Ctrl-C reaches the demo, and the demo stops the shop.
      detached: true,
      env: {
        ...process.env,
        DISPATCHER_ADDRESS: dispatcherAddress,
        SMTP_URL: smtpUrl,
        SHOP_DATABASE: file,
        SHOP_GRPC_PORT: String(grpcPort),
        SHOP_WEB_PORT: String(webPort),
      },
      // What the shop answers contains 64-bit integers and bytes, which JSON has no words for.
      serialization: "advanced",
      // Older releases of Node 24 call node:sqlite experimental.
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    this.#open = Promise.withResolvers();
    // Nobody may be waiting any more when the shop closes.
    this.#open.promise.catch(() => {});
    child.on("message", (message: FromShop) => this.#receive(message));
    const exit = once(child, "exit").then(() => this.#fail(new Error("the shop has closed")));
    this.#running = { child, exit };
    await this.#open.promise;
  }

  /** Resolves once the command is done, with what it has to tell. */
  tell(command: Command): Promise<Told> {
    const id = ++this.#commands;
    const waiting = Promise.withResolvers<Told>();
    this.#waiting.set(id, waiting);
    this.#running?.child.send({ id, command } satisfies ToShop, (error) => {
      if (error) this.#take(id)?.reject(error);
    });
    return waiting.promise;
  }

  /** Ends it without a chance to finish anything: kill -9. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.#end("SIGTERM");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#running?.child.kill(signal);
    await this.#running?.exit;
  }

  #receive(message: FromShop): void {
    switch (message.kind) {
      case "open":
        this.#open.resolve();
        break;
      case "finished":
        this.#take(message.id)?.resolve(message.told);
        break;
      case "failed":
        this.#take(message.id)?.reject(new Error(`the shop failed: ${message.message}`));
        break;
    }
  }

  #take(id: number): PromiseWithResolvers<Told> | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #fail(error: Error): void {
    this.#open.reject(error);
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}

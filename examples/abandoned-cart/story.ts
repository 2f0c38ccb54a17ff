import { ada, ben, cleo } from "./customers.ts";
import { readLastAttempt } from "./last-attempt.ts";
import { nameOf, say, scene, tellEvaluations, tellOutcome, tellSwept } from "./narrator.ts";
import { abandonedCart, chainOf } from "./shop/chain-type.ts";
import type { DispatcherClient } from "./shop/dispatcher-client.ts";
import type { Mail, SweptCart } from "./shop/sweep.ts";
import type { ShopProcess } from "./shop-process.ts";

/** Nine days of three carts, told while they happen. */
export class Story {
  /** The mails that the shop has sent. */
  readonly mails: Mail[] = [];
  readonly #shop: ShopProcess;
  readonly #client: DispatcherClient;

  constructor(shop: ShopProcess, client: DispatcherClient) {
    this.#shop = shop;
    this.#client = client;
  }

  async tell(): Promise<void> {
    await scene(
      "In each state of a cart, what the shop wants asked, in this order: the first valid one is taken.",
    );
    await this.#tellChainType();

    await scene(
      "Day 0. Ada, Ben and Cleo fill their carts. At night the shop sweeps: it executes every open cart.",
    );
    for (const { id, customer, name, amount } of [ada, ben, cleo]) {
      await this.#shop.tell({ kind: "fill-cart", cart: id, customer, name, amount });
    }
    tellSwept(await this.#sweep());

    await scene("Day 1. Ada books. Cleo changes her cart.");
    await this.#shop.tell({ kind: "begin-day", day: 1 });
    await this.#shop.tell({ kind: "book", cart: ada.id });
    await this.#shop.tell({ kind: "change-cart", cart: cleo.id });
    tellSwept(await this.#sweep());

    await scene(
      "Day 2. By mistake the sweep is started twice at the same moment. Ben must get one mail, not two.",
    );
    await this.#shop.tell({ kind: "begin-day", day: 2 });
    const [first, second] = await Promise.all([this.#sweep("sweep one"), this.#sweep("sweep two")]);
    say("  sweep one");
    tellSwept(first);
    say("  sweep two");
    tellSwept(second);
    const refused = [...first, ...second].some((result) => result.kind === "refused");
    say(
      `  One sweep moved Ben's cart and sent the mail. The other ${refused ? "was refused" : "found it moved"}.`,
    );

    await scene(`"Why did customer ${cleo.customer} get no mail?" The sidecar remembers its last attempt.`);
    await this.#tellLastAttempt(first);

    await scene(
      "Day 3. What would happen now? A dry run asks every validator of the state and moves nothing.",
    );
    await this.#shop.tell({ kind: "begin-day", day: 3 });
    await this.#dryRun();

    await scene("And so it happens.");
    tellSwept(await this.#sweep());

    await scene("Day 4. Ben books.");
    await this.#shop.tell({ kind: "begin-day", day: 4 });
    await this.#shop.tell({ kind: "book", cart: ben.id });
    tellSwept(await this.#sweep());

    await scene(
      "Day 8. Cleo's cart is a week old, but the web handler that judges it is broken. That is not a no.",
    );
    await this.#shop.tell({ kind: "begin-day", day: 8 });
    await this.#shop.tell({ kind: "break-web-handler" });
    tellSwept(await this.#sweep());

    await scene("The handler is mended, and the sweep runs again.");
    await this.#shop.tell({ kind: "mend-web-handler" });
    tellSwept(await this.#sweep());
  }

  async #sweep(requestedBy = "nightly sweep"): Promise<readonly SweptCart[]> {
    const swept = await this.#shop.tell({ kind: "sweep", requestedBy });
    this.mails.push(...swept.flatMap((cart) => (cart.kind === "answered" && cart.mail ? [cart.mail] : [])));
    return swept;
  }

  async #tellChainType(): Promise<void> {
    for (const state of abandonedCart.states) {
      say(`  ${state.name.padEnd(21)}  ${state.transitions.join(", then ")}`);
    }
    say("  Where the sidecar asks");
    const { validators } = await this.#client.registry.listValidators({ chainType: abandonedCart.name });
    for (const { transition, endpoint } of validators)
      say(`      ${transition.padEnd(16)}   ${endpoint?.url}`);
  }

  async #tellLastAttempt(swept: readonly SweptCart[]): Promise<void> {
    const answered = swept.flatMap((result) =>
      result.kind === "answered" && result.cart.id === cleo.id ? result.response.evaluations : [],
    );
    const { chain, lastAttempt } = await readLastAttempt(this.#client.dispatcher, cleo, answered);
    say(`  ${nameOf(cleo)}  is in ${chain?.state}, last executed by ${lastAttempt?.requestedBy}`);
    tellEvaluations(lastAttempt?.evaluations ?? []);
  }

  async #dryRun(): Promise<void> {
    for (const customer of [ben, cleo]) {
      const response = await this.#client.dispatcher.execute({
        chain: chainOf(customer),
        dryRun: true,
        evaluateAll: true,
        requestedBy: "demo",
      });
      tellOutcome(customer, response);
    }
  }
}

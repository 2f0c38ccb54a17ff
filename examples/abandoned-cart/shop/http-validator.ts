import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Carts } from "./carts.ts";
import { judgeReminder } from "./judgement.ts";

/** The part of the sidecar's question that this validator looks at. */
interface Question {
  readonly chain: {
    readonly resources: readonly { readonly resourceType: string; readonly resourceId: string }[];
  };
}

/**
 * Serves `reminder_1_week` as a plain web handler: JSON in, JSON out, no library and no generated code. This much is
 * possible in every language.
 */
export class HttpValidator {
  /** True: the handler fails, as handlers do now and then. */
  broken = false;
  readonly #carts: Carts;

  constructor(carts: Carts) {
    this.#carts = carts;
  }

  /** Returns the endpoint to register. */
  async serve(): Promise<string> {
    const server = createServer((request, response) => {
      this.#answer(request).then(
        (answer) =>
          response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer)),
        // Any status but 200 means "could not tell". That is never a no, and never moves a chain.
        () => response.writeHead(500).end(),
      );
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/validators/reminder-1-week`;
  }

  async #answer(request: IncomingMessage): Promise<object> {
    if (this.broken) throw new Error("broken for the demo");

    const question: Question = JSON.parse(await text(request));
    const about = question.chain.resources.find((resource) => resource.resourceType === "cart");
    const cart = this.#carts.get(about?.resourceId ?? "");

    const judgement = judgeReminder(cart, this.#carts.today, 7, "Your cart will not wait much longer");
    // A shop that lives by the world's clock could add `notBefore`, and would not be asked again until then.
    return judgement.kind === "valid"
      ? { verdict: "VERDICT_VALID", context: judgement.context }
      : { verdict: "VERDICT_INVALID", errors: [judgement.error] };
  }
}

import type { Carts } from "./carts.ts";
import { judgeReminder } from "./judgement.ts";

/** The part of the sidecar's question that this validator looks at. */
interface Question {
  readonly chain: {
    readonly resources: readonly { readonly resourceType: string; readonly resourceId: string }[];
  };
}

/** Judges `reminder_1_week` as a plain web handler. */
export class HttpValidator {
  /** True: the handler fails, as handlers do now and then. */
  broken = false;
  readonly #carts: Carts;

  constructor(carts: Carts) {
    this.#carts = carts;
  }

  judge(body: string): object {
    if (this.broken) throw new Error("broken for the demo");

    const question: Question = JSON.parse(body);
    const about = question.chain.resources.find((resource) => resource.resourceType === "cart");
    const cart = this.#carts.get(about?.resourceId ?? "");

    const judgement = judgeReminder(cart, this.#carts.today, 7, "Your cart will not wait much longer");
    // A shop that lives by the world's clock could add `notBefore`, and would not be asked again until then.
    return judgement.kind === "valid"
      ? { verdict: "VERDICT_VALID", context: judgement.context }
      : { verdict: "VERDICT_INVALID", errors: [judgement.error] };
  }
}

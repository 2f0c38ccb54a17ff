import type { Endpoint } from "../domain/chain-type.ts";
import { keepableText } from "../domain/text.ts";
import { callbackMethod } from "./callback-method.ts";
import type { EffectMessage } from "./effect.ts";
import { type CallFailureReason, type Failure, failure, failureText } from "./failure.ts";
import { type Called, createHostClient, type HostClientOptions } from "./host-client.ts";
import type { GivenUp } from "./reply.ts";

export type DeliveryFailureReason = CallFailureReason | "CANCELLED";

interface Trouble {
  readonly reason: DeliveryFailureReason;
  /** Names the endpoint, what is wrong and a remedy; at most 4 KiB. */
  readonly message: string;
}

/** What came of one attempt to deliver an effect. */
export type DeliveryResult = (
  | { readonly kind: "done" }
  /** It is certainly not done: the receiver said so, or was never reached. */
  | (Trouble & {
      readonly kind: "failed";
      /** How long the receiver wants to be left alone; at most a day. */
      readonly retryAfterMs?: number | undefined;
    })
  /** It may be done, or still under way: the receiver may have the request, and nothing came back. */
  | (Trouble & { readonly kind: "unanswered" })
) & { readonly durationMs: number };

export interface DeliveryLimits {
  /** Aborted when nobody waits for the result any more. */
  readonly signal: AbortSignal;
  /** For an endpoint that names no timeout. */
  readonly defaultTimeoutMs: number;
  /** The attempt ends by then too, on the process's monotonic clock (`performance.now()`). */
  readonly deadlineMs?: number | undefined;
  /** How many attempts this makes for the effect, with this one. */
  readonly attempt: number;
}

/** Delivers effects to callback receivers, which are untrusted: whatever one does, a result comes of it. */
export interface CallbackClient {
  /**
   * Makes one attempt. Within it the request is sent again only if it is certain that no receiver has it.
   *
   * @throws Refusal INVALID_REQUEST if the endpoint's URL is none
   */
  deliver(endpoint: Endpoint, message: EffectMessage, limits: DeliveryLimits): Promise<DeliveryResult>;
  /** Closes all connections. To be called when no delivery is under way any more. */
  close(): Promise<void>;
}

/** @throws Error if `ca` is no certificate */
export function createCallbackClient(options: HostClientOptions = {}): CallbackClient {
  const host = createHostClient(callbackMethod, options);
  return {
    deliver: async (endpoint, message, { signal, defaultTimeoutMs, deadlineMs = Infinity, attempt }) => {
      if (signal.aborted) return resultOf(endpoint, NOT_CALLED, 0);
      const timeoutMs = endpoint.timeoutMs ?? defaultTimeoutMs;
      const limits = { signal, timeoutMs, deadlineMs };
      const called = await host.call(endpoint.url, { message, attempt }, limits);
      const { reply, durationMs } = called;
      if (reply.kind === "answer") return { kind: "done", durationMs };
      if (reply.kind === "failure") return resultOf(endpoint, reply, durationMs);
      const gone = signal.aborted ? cancelled(reply) : timeUp(reply, called, timeoutMs);
      return resultOf(endpoint, gone, durationMs);
    },
    close: host.close,
  };
}

type DeliveryFailure = Failure<DeliveryFailureReason>;

function resultOf({ url }: Endpoint, failed: DeliveryFailure, durationMs: number): DeliveryResult {
  const { reason, mayBeDone, retryAfterMs } = failed;
  const message = keepableText(failureText(url, failed));
  return mayBeDone
    ? { kind: "unanswered", reason, message, durationMs }
    : { kind: "failed", reason, message, durationMs, retryAfterMs };
}

const NOT_CALLED: DeliveryFailure = {
  ...failure("CANCELLED", "was not called, since the delivery was cancelled", "deliver it again"),
  mayBeDone: false,
};

function cancelled({ isSent }: GivenUp): DeliveryFailure {
  return isSent
    ? failure(
        "CANCELLED",
        "had not answered when the delivery was cancelled",
        "the repetition comes under the same delivery id",
      )
    : NOT_CALLED;
}

function timeUp({ isSent }: GivenUp, { allowedMs }: Called<unknown>, timeoutMs: number): DeliveryFailure {
  if (allowedMs <= 0)
    return {
      ...failure("TIMEOUT", "was not called, since no time was left for it", "allow the delivery more time"),
      mayBeDone: false,
    };
  const time =
    allowedMs < timeoutMs ? `in the ${Math.floor(allowedMs)} ms that were left` : `within ${timeoutMs} ms`;
  return isSent
    ? failure("TIMEOUT", `did not answer ${time}`, "make it faster, or register it with a longer timeout")
    : {
        ...failure(
          "TIMEOUT",
          `did not take a request ${time}`,
          "see that the server is up and not overloaded, or correct the address",
        ),
        mayBeDone: false,
      };
}

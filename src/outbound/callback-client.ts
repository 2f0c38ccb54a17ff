import type { Endpoint } from "../domain/chain-type.ts";
import type { VerdictErrorReason } from "../domain/verdict.ts";
import type { EffectMessage } from "./effect.ts";

export interface DeliverLimits {
  readonly signal: AbortSignal;
  readonly defaultTimeoutMs: number;
  readonly deadlineMs?: number | undefined;
  readonly attempt: number;
}

export type DeliveryResult = (
  | { readonly kind: "done" }
  | {
      readonly kind: "failed";
      readonly reason: VerdictErrorReason;
      readonly message: string;
      readonly retryAfterMs?: number | undefined;
    }
  | { readonly kind: "unanswered"; readonly reason: VerdictErrorReason; readonly message: string }
) & { readonly durationMs?: number | undefined };

export interface CallbackClient {
  deliver(endpoint: Endpoint, message: EffectMessage, limits: DeliverLimits): Promise<DeliveryResult>;
  close(): Promise<void>;
}

/** To be replaced when the branch of the callback client is merged. */
export function createCallbackClient(_options: { readonly ca?: Buffer | undefined }): CallbackClient {
  return {
    deliver: () => Promise.reject(new Error("the callback client is not merged yet")),
    close: async () => undefined,
  };
}

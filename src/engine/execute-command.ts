import type { JsonObject } from "../domain/json.ts";
import type { CallbackClient } from "../outbound/callback-client.ts";
import type { EndpointPolicy } from "../outbound/endpoint-policy.ts";
import type { ValidatorClient } from "../outbound/validator-client.ts";
import type { ChainStore } from "../store/chain-store.ts";
import type { AttemptKeeper } from "./attempt-keeper.ts";
import type { ChainRef } from "./find-chain.ts";
import type { Hasten } from "./hasten.ts";
import type { Registry } from "./registry.ts";

export interface ExecuteCommand {
  readonly ref: ChainRef;
  readonly createIfAbsent: boolean;
  readonly initialContext: JsonObject;
  readonly callbackContext: JsonObject;
  readonly requestedBy: string;
  readonly dryRun: boolean;
  readonly evaluateAll: boolean;
  readonly ignoreSchedule: boolean;
  /** Instead of moving, the caller takes the right to: for so long. */
  readonly claim?: { readonly durationMs: number } | undefined;
  /** Empty: a repetition may take the next step. */
  readonly requestId: string;
  readonly expectedVersion?: number | undefined;
  /** Asked instead of the registered validators; empty: none. */
  readonly validatorEndpoint: string;
}

export interface ExecuteLimits {
  readonly signal: AbortSignal;
  /** The caller's deadline on the monotonic clock. */
  readonly deadlineMs?: number | undefined;
}

/** What an Execute works with. */
export interface ExecuteParts {
  readonly store: ChainStore;
  readonly registry: Registry;
  readonly validators: ValidatorClient;
  readonly callbacks: CallbackClient;
  readonly policy: EndpointPolicy;
  readonly attempts: AttemptKeeper;
  readonly hasten: Hasten;
}

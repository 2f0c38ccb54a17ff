import { setTimeout } from "node:timers/promises";
import type { Endpoint } from "../domain/chain-type.ts";
import { Refusal } from "../domain/refusal.ts";
import { retryDelayMs } from "../domain/retry-delay.ts";
import type { CallbackClient, DeliveryResult } from "../outbound/callback-client.ts";
import { type Destination, isNeverReached } from "../outbound/destination.ts";
import type { ChainStore } from "../store/chain-store.ts";
import { AnswerLost, isContention, isUnavailable } from "../store/database-error.ts";
import type { AttemptEnd, FinishResult } from "../store/finish-deliveries.ts";
import type { TakenDelivery } from "../store/take-deliveries.ts";

/** Of an AFTER_COMMIT callback that names none. */
export const AFTER_COMMIT_TIMEOUT_MS = 15_000;

/** By so much a lease is longer than its attempt, so that the result can be written in time. */
export const LEASE_MARGIN_MS = 10_000;

export interface DeliverParts {
  readonly store: Pick<ChainStore, "finishDelivery">;
  readonly callbacks: CallbackClient;
}

/** A message that this sidecar has taken, and where it is to go. */
export interface Attempt {
  readonly delivery: TakenDelivery;
  readonly endpoint: Endpoint;
  readonly destination: Destination;
  /** When the lease ends at the earliest, on the process's monotonic clock. */
  readonly leaseEndMs: number;
}

/** How an attempt ended, as it is counted. */
export type AttemptResult =
  | "delivered"
  /** The receiver said no, or was never reached. */
  | "failed"
  /** It may be done, or not. */
  | "unanswered"
  /** Failed or unanswered, for the last time. */
  | "dead"
  /** Not sent, and left to others. */
  | "released"
  /** Its lease was over: the attempt counts for nothing, and another one is made. */
  | "late";

export interface AttemptOutcome {
  readonly result: AttemptResult;
  /** Another message of the chain can be taken now. */
  readonly hasNext: boolean;
  /** So soon the same message can be taken again; unset unless it is still pending. */
  readonly againMs?: number | undefined;
}

/**
 * Makes one attempt to deliver a message, and tells the outbox what came of it. An aborted signal ends the attempt; its lease
 * then runs out.
 */
export async function deliver(
  { store, callbacks }: DeliverParts,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<AttemptOutcome> {
  const { delivery, endpoint, destination, leaseEndMs } = attempt;
  const timeoutMs = endpoint.timeoutMs ?? AFTER_COMMIT_TIMEOUT_MS;
  // A process that was stopped for a while must not begin what somebody else may be doing by now.
  if (performance.now() + timeoutMs > leaseEndMs) return LATE;
  const result = await destination.call(() =>
    callbacks
      .deliver(
        endpoint,
        { body: delivery.body, fencingToken: delivery.fencingToken },
        { signal, defaultTimeoutMs: AFTER_COMMIT_TIMEOUT_MS, attempt: delivery.attempts },
      )
      .catch(failureOf),
  );
  if (signal.aborted) return LATE;
  const end = endOf(delivery, destination, result);
  const finished = await finishUntil(leaseEndMs, () => store.finishDelivery({ delivery, end }), signal);
  if (finished?.kind !== "finished") return LATE;
  const { state, hasNext } = finished;
  const againMs = state !== "PENDING" ? undefined : end.kind === "failed" ? end.retryAfterMs : 0;
  return { result: state === "DEAD" ? "dead" : resultOf(end, result), hasNext, againMs };
}

const LATE: AttemptOutcome = { result: "late", hasNext: false };

/** An endpoint that cannot be called at all. */
function failureOf(error: unknown): DeliveryResult {
  if (!(error instanceof Refusal)) throw error;
  return { kind: "failed", reason: "FAILED", message: error.message, durationMs: 0 };
}

function endOf(
  { attempts }: TakenDelivery,
  destination: Destination,
  result: DeliveryResult | undefined,
): AttemptEnd {
  if (!result) return { kind: "released" };
  if (result.kind === "done") return { kind: "delivered" };
  const { message } = result;
  if (destination.isLocal && isNeverReached(result)) return { kind: "released", error: message };
  const wishMs = result.kind === "failed" ? result.retryAfterMs : undefined;
  return {
    kind: "failed",
    retryAfterMs: retryDelayMs(attempts, Math.random(), wishMs),
    error: message,
  };
}

function resultOf({ kind }: AttemptEnd, result: DeliveryResult | undefined): AttemptResult {
  return kind === "failed" && result?.kind === "unanswered" ? "unanswered" : kind;
}

const TRY_AGAIN_MS = 500;

/** What has been delivered is to be known as delivered: a database that is away is asked again for as long as the lease lasts. */
async function finishUntil(
  leaseEndMs: number,
  finish: () => Promise<FinishResult>,
  signal: AbortSignal,
): Promise<FinishResult | undefined> {
  for (;;) {
    try {
      return await finish();
    } catch (error) {
      if (!(error instanceof AnswerLost || isUnavailable(error) || isContention(error))) throw error;
      if (performance.now() + TRY_AGAIN_MS > leaseEndMs || signal.aborted) return undefined;
      await setTimeout(TRY_AGAIN_MS * Math.random());
    }
  }
}

import {
  type BulkheadPolicy,
  bulkhead,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhenResult,
} from "cockatiel";
import type { DeliveryResult } from "./callback-client.ts";

export interface DestinationLimits {
  /** Calls at once. */
  readonly mostAtOnce: number;
  /** So many failures in a row, and nobody calls it for a while; after that, one call shows whether it has recovered. */
  readonly failuresInRow: number;
  readonly breakMs: number;
  /** A local destination that was never reached is not here now, but may be where another sidecar runs (R27). */
  readonly awayMs: number;
}

export const DESTINATION_LIMITS: DestinationLimits = {
  mostAtOnce: 32,
  failuresInRow: 5,
  breakMs: 60_000,
  awayMs: 5_000,
};

/** True if certainly nothing was sent. */
export function isNeverReached(result: DeliveryResult): boolean {
  return result.kind === "failed" && result.reason === "UNREACHABLE";
}

/** One place that effects are delivered to, and how much it can take now. */
export class Destination {
  readonly isLocal: boolean;
  readonly #slots: BulkheadPolicy;
  readonly #breakers: readonly Breaker[];

  constructor(isLocal: boolean, limits: DestinationLimits) {
    this.isLocal = isLocal;
    this.#slots = bulkhead(limits.mostAtOnce);
    const { failuresInRow, breakMs, awayMs } = limits;
    this.#breakers = isLocal
      ? [
          new Breaker(1, awayMs, isNeverReached),
          new Breaker(failuresInRow, breakMs, (result) => isUnwell(result) && !isNeverReached(result)),
        ]
      : [new Breaker(failuresInRow, breakMs, isUnwell)];
  }

  /** How many more calls it may get now. */
  free(): number {
    return Math.min(this.#slots.executionSlots, ...this.#breakers.map((breaker) => breaker.allows()));
  }

  /** Makes one call; undefined, without making it, if there is no room for one any more. */
  async call(send: () => Promise<DeliveryResult>): Promise<DeliveryResult | undefined> {
    if (this.free() < 1) return undefined;
    const guarded = this.#breakers.reduce<() => Promise<DeliveryResult>>(
      (inner, breaker) => () => breaker.run(inner),
      send,
    );
    return this.#slots.execute(guarded);
  }
}

/** One that refuses a message by itself is well: the next message may be to its liking. */
function isUnwell(result: DeliveryResult): boolean {
  return result.kind !== "done" && result.reason !== "REFUSED";
}

class Breaker {
  readonly #policy: CircuitBreakerPolicy;
  #breakEndTime = 0;

  constructor(failuresInRow: number, breakMs: number, isFailure: (result: DeliveryResult) => boolean) {
    this.#policy = circuitBreaker(
      handleWhenResult((result) => isFailure(result as DeliveryResult)),
      { halfOpenAfter: breakMs, breaker: new ConsecutiveBreaker(failuresInRow) },
    );
    this.#policy.onBreak(() => {
      this.#breakEndTime = Date.now() + breakMs;
    });
  }

  /** The one call after the break is made as soon as somebody asks for it. */
  allows(): number {
    switch (this.#policy.state) {
      case CircuitState.Closed:
        return Number.POSITIVE_INFINITY;
      case CircuitState.Open:
        return Date.now() >= this.#breakEndTime ? 1 : 0;
      default:
        return 0;
    }
  }

  run(call: () => Promise<DeliveryResult>): Promise<DeliveryResult> {
    return this.#policy.execute(call);
  }
}

import { setTimeout as delay } from "node:timers/promises";
import {
  AFTER_COMMIT_TIMEOUT_MS,
  type AttemptOutcome,
  type AttemptResult,
  type DeliverParts,
  deliver,
  LEASE_MARGIN_MS,
} from "../engine/deliver.ts";
import { type DeliveryTarget, DeliveryTargets } from "../engine/delivery-targets.ts";
import { newId } from "../engine/new-id.ts";
import type { Registry } from "../engine/registry.ts";
import type { Destination, DestinationLimits } from "../outbound/destination.ts";
import { Destinations } from "../outbound/destinations.ts";
import { type AwaitedTransition, readAwaitedTransitions } from "../store/awaited-transitions.ts";
import type { ChainStore } from "../store/chain-store.ts";
import { type Taken, type TakenDelivery, takeDeliveries } from "../store/take-deliveries.ts";
import { startLoop } from "./loop.ts";

export interface OutboxParts extends DeliverParts {
  readonly store: ChainStore;
  readonly registry: Registry;
  readonly observe: {
    readonly onAttempt: (result: AttemptResult) => void;
    readonly onError: (error: unknown) => void;
  };
}

/** What one look at the outbox came to. */
export interface OutboxRun {
  /** Messages whose attempts have begun. */
  readonly taken: number;
  /** Due messages that turned out to wait for an earlier one of their chain. */
  readonly parked: number;
}

/** The longest that a message which has become due waits for a look, where nothing has told of it. */
const POLL_MS = 1_000;
/** What the current revisions do not have any more is looked for so often. */
const AWAITED_MS = 5_000;
/** A retry that is further away is left to the polls. */
const REMEMBERED_MS = 60_000;

/** Delivers the messages of the outbox, as many at once as their destinations take. */
export class Outbox {
  readonly #parts: OutboxParts;
  readonly #targets: DeliveryTargets;
  readonly #destinations: Destinations;
  /** Those for which more was due than could be taken. */
  readonly #busy = new WeakSet<Destination>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #ending = new AbortController();
  readonly #onDue: () => void;
  #awaited: readonly AwaitedTransition[] = [];
  #awaitedUntilMs = 0;

  /** `onDue` is told when another run has something to take. */
  constructor(parts: OutboxParts, onDue: () => void, limits?: DestinationLimits) {
    this.#parts = parts;
    this.#onDue = onDue;
    this.#targets = new DeliveryTargets(parts.registry);
    this.#destinations = new Destinations(limits);
  }

  /** Takes what is due, as far as its destinations have room for it, and begins its attempts. */
  async runOnce(): Promise<OutboxRun> {
    const { store } = this.#parts;
    const targets = this.#targets.find(await this.#readAwaited());
    this.#destinations.keepOnly(new Set(targets.map(({ endpoint }) => endpoint.url)));
    const open = this.#withRoom(targets);
    if (open.length === 0) return { taken: 0, parked: 0 };
    const nowMs = performance.now();
    const taken = await takeDeliveries(
      store.database,
      open.map(({ takeable }) => takeable),
      newId(),
    );
    for (const { destination } of open) this.#busy.delete(destination);
    for (const [index, { destination, target, takeable }] of open.entries()) {
      const { deliveries = [], hasMore = false } = taken[index] ?? {};
      if (hasMore) this.#busy.add(destination);
      const leaseEndMs = nowMs + takeable.leaseMs;
      for (const delivery of deliveries) this.#begin(delivery, target, destination, leaseEndMs);
    }
    const run = {
      taken: sum(taken, ({ deliveries }) => deliveries.length),
      parked: sum(taken, (t) => t.parked),
    };
    const canGoOn = open.some(({ destination }) => this.#busy.has(destination) && destination.free() > 0);
    if (canGoOn && run.taken + run.parked > 0) this.#onDue();
    return run;
  }

  /** Resolves when no attempt is under way. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** Ends the attempts that are not over after the grace period; what they were for is delivered when their leases have ended. */
  async end(graceMs: number): Promise<void> {
    await Promise.race([this.settled(), delay(graceMs, undefined, { ref: false })]);
    this.#ending.abort();
    await this.settled();
  }

  async #readAwaited(): Promise<readonly AwaitedTransition[]> {
    if (performance.now() >= this.#awaitedUntilMs) {
      this.#awaited = await readAwaitedTransitions(this.#parts.store.database);
      this.#awaitedUntilMs = performance.now() + AWAITED_MS;
    }
    return this.#awaited;
  }

  #withRoom(targets: readonly DeliveryTarget[]) {
    const numbers = new Map<Destination, number>();
    return targets.flatMap((target) => {
      const { chainType, transition, endpoint } = target;
      const destination = this.#destinations.get(endpoint.url);
      const most = destination.free();
      if (most < 1) return [];
      const number = numbers.get(destination) ?? numbers.size;
      numbers.set(destination, number);
      const leaseMs = (endpoint.timeoutMs ?? AFTER_COMMIT_TIMEOUT_MS) + LEASE_MARGIN_MS;
      const takeable = { chainType, transition, endpoint: endpoint.url, leaseMs, destination: number, most };
      return [{ target, destination, takeable }];
    });
  }

  #begin(
    delivery: TakenDelivery,
    { endpoint }: DeliveryTarget,
    destination: Destination,
    leaseEndMs: number,
  ): void {
    const { observe } = this.#parts;
    const attempt = { delivery, endpoint, destination, leaseEndMs };
    const underWay: Promise<void> = deliver(this.#parts, attempt, this.#ending.signal)
      .then((outcome) => {
        observe.onAttempt(outcome.result);
        this.#tellWhatIsDue(outcome, destination);
      }, observe.onError)
      .finally(() => this.#underWay.delete(underWay));
    this.#underWay.add(underWay);
  }

  #tellWhatIsDue({ hasNext, againMs = Infinity }: AttemptOutcome, destination: Destination): void {
    if (hasNext || this.#busy.has(destination)) this.#onDue();
    if (againMs <= REMEMBERED_MS) setTimeout(this.#onDue, againMs).unref();
  }
}

function sum(taken: readonly Taken[], of: (taken: Taken) => number): number {
  return taken.reduce((total, one) => total + of(one), 0);
}

export interface RunningOutbox {
  /** There may be something to deliver. */
  wake(): void;
  /** Takes nothing more, and lets the attempts under way finish within the grace period. */
  stop(graceMs: number): Promise<void>;
}

export function startOutbox(parts: OutboxParts, limits?: DestinationLimits): RunningOutbox {
  const outbox: Outbox = new Outbox(parts, () => loop.wake(), limits);
  const loop = startLoop(() => outbox.runOnce(), { intervalMs: POLL_MS, onError: parts.observe.onError });
  return {
    wake: loop.wake,
    async stop(graceMs) {
      await loop.stop();
      await outbox.end(graceMs);
    },
  };
}

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Which listener a call came in by. */
export type Listener = "grpc" | "http";

/** What the sidecar counts, for Prometheus. Labels are few and closed: never an id, a name or a text of a caller. */
export interface Metrics {
  readonly registry: Registry;
  /** A call began. Its end must be told by `callEnded`. */
  callStarted(listener: Listener): void;
  /** `method` as in `dispatcher.v1.DispatcherService/Execute`, `code` as in `NOT_FOUND`. */
  callEnded(listener: Listener, method: string, code: string, seconds: number): void;
  /** The scheduler took a chain, so long after it was due. */
  chainTaken(lateSeconds: number): void;
  /** `outcome` as in `TRANSITIONED` or, of an Execute that was refused, as in `CLAIMED`. */
  takenChainExecuted(outcome: string): void;
  /** An attempt to deliver an effect ended; `result` is one of a few. */
  deliveryAttempted(result: string): void;
  /** Undefined: not known at the moment. */
  deliveriesCounted(figures: DeliveryFigures | undefined): void;
}

/** How the outbox of the whole schema stands, as one sidecar sees it. */
export interface DeliveryFigures {
  readonly pending: number;
  readonly dead: number;
  readonly oldestPendingSeconds: number;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  const duration = new Histogram({
    name: "rpc_server_call_duration_seconds",
    help: "Duration of the calls that the sidecar answered.",
    labelNames: ["listener", "rpc_method", "rpc_response_status_code"] as const,
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  });
  const active: Record<Listener, number> = { grpc: 0, http: 0 };
  new Gauge({
    name: "rpc_server_active_calls",
    help: "Calls that are being answered.",
    labelNames: ["listener"] as const,
    registers: [registry],
    collect() {
      this.set({ listener: "grpc" }, active.grpc);
      this.set({ listener: "http" }, active.http);
    },
  });

  const lateness = new Histogram({
    name: "dispatcher_scheduler_lateness_seconds",
    help: "How long after they were due chains were taken by the scheduler. Its count is that of the chains taken.",
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600],
    registers: [registry],
  });
  const outcomes = new Counter({
    name: "dispatcher_scheduler_executes_total",
    help: "Executes of chains that the scheduler took, by outcome or by the reason of the refusal.",
    labelNames: ["outcome"] as const,
    registers: [registry],
  });
  const attempts = new Counter({
    name: "dispatcher_delivery_attempts_total",
    help: "Attempts of this sidecar to deliver effects after the commit.",
    labelNames: ["result"] as const,
    registers: [registry],
  });
  const deliveries = new Gauge({
    name: "dispatcher_deliveries",
    help: "Deliveries of the whole schema that are pending or dead, counted up to 10,000.",
    labelNames: ["state"] as const,
    registers: [registry],
  });
  const oldest = new Gauge({
    name: "dispatcher_oldest_delivery_age_seconds",
    help: "Age of the oldest pending delivery of the whole schema; 0 if there is none.",
    // One that has labels shows nothing as long as nothing is known.
    labelNames: ["state"] as const,
    registers: [registry],
  });

  return {
    registry,
    callStarted(listener) {
      active[listener] += 1;
    },
    callEnded(listener, method, code, seconds) {
      active[listener] -= 1;
      duration.observe({ listener, rpc_method: method, rpc_response_status_code: code }, seconds);
    },
    chainTaken: (lateSeconds) => lateness.observe(lateSeconds),
    takenChainExecuted: (outcome) => outcomes.inc({ outcome }),
    deliveryAttempted(result) {
      attempts.inc({ result });
    },
    deliveriesCounted(figures) {
      deliveries.reset();
      oldest.reset();
      if (!figures) return;
      deliveries.set({ state: "pending" }, figures.pending);
      deliveries.set({ state: "dead" }, figures.dead);
      oldest.set({ state: "pending" }, figures.oldestPendingSeconds);
    },
  };
}

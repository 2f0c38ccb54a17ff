import type { Registry } from "./engine/registry.ts";
import { countValidatorsMissing } from "./engine/validators-missing.ts";
import type { Metrics } from "./observability/metrics.ts";
import { addReadGauge } from "./observability/read-gauge.ts";
import type { Database } from "./store/database.ts";
import { countExpiredClaims, oldestDueSeconds } from "./store/stuck-figures.ts";

/** What to be woken for at night, as far as it is cheap to tell; which chains they are, ListStuckChains says. */
export function addStuckGauges({ registry: metrics }: Metrics, database: Database, registry: Registry): void {
  addReadGauge(metrics, {
    name: "dispatcher_expired_claims",
    help: "Claims of the whole schema that have expired and whose chains nobody has written since, counted up to 10,000.",
    read: () => countExpiredClaims(database),
  });
  addReadGauge(metrics, {
    name: "dispatcher_oldest_due_chain_age_seconds",
    help: "How long the oldest chain of the types with auto_execute has been due without a sidecar taking it; 0 if there is none.",
    read: () => {
      const automatic = registry.list().filter(({ chainType }) => chainType.autoExecute);
      return oldestDueSeconds(
        database,
        automatic.map(({ chainType }) => chainType.name),
      );
    },
  });
  addReadGauge(metrics, {
    name: "dispatcher_transitions_without_validator",
    help: "Transitions of all current revisions for which this sidecar has no validator.",
    read: async () => countValidatorsMissing(registry),
  });
}

import { setTimeout } from "node:timers/promises";
import { Gauge, type Registry } from "prom-client";

export interface ReadGaugeOptions {
  readonly name: string;
  readonly help: string;
  readonly read: () => Promise<number>;
}

/** Whoever scrapes, and however often: what is read from the database is read this often at most. */
const MOST_OFTEN_MS = 15_000;
/** So long a scrape waits for it; afterwards it is answered without. */
const PATIENCE_MS = 1_000;

/** A gauge whose value is read when somebody asks for it. While it cannot be read, it is no number. */
export function addReadGauge(registry: Registry, { name, help, read }: ReadGaugeOptions): void {
  let value = Number.NaN;
  let readMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> = Promise.resolve();
  new Gauge({
    name,
    help,
    registers: [registry],
    async collect() {
      const now = performance.now();
      if (now - readMs >= MOST_OFTEN_MS) {
        readMs = now;
        reading = read().then(
          (current) => {
            value = current;
          },
          () => {
            value = Number.NaN;
          },
        );
      }
      await Promise.race([reading, setTimeout(PATIENCE_MS, undefined, { ref: false })]);
      this.set(value);
    },
  });
}

import { expect, test } from "vitest";
import { createMetrics } from "../../src/observability/metrics.ts";
import type { Database } from "../../src/store/database.ts";
import { startOutboxWatch } from "../../src/workers/outbox-watch.ts";
import { age, movesWithEffect, type SentEffect } from "../support/outbox.ts";
import { openMigratedDatabase } from "../support/store.ts";

/** What the metrics say of the outbox, after one look at it. */
async function metricsOf(database: Database): Promise<{ lines: string[]; errors: number }> {
  const metrics = createMetrics();
  metrics.deliveriesCounted({ pending: 7, dead: 7, oldestPendingSeconds: 7 });
  let errors = 0;
  const watch = startOutboxWatch(database, {
    onFigures: metrics.deliveriesCounted,
    onError() {
      errors += 1;
    },
  });
  await watch.stop();
  const text = await metrics.registry.metrics();
  return { lines: text.split("\n").filter((line) => /^dispatcher_.*deliver/.test(line)), errors };
}

test("the metrics say how the outbox stands, and nothing while that is not known", async () => {
  const database = await openMigratedDatabase();
  const [first] = (await movesWithEffect(database, 3)) as [SentEffect];
  await age(database, first, "2 hours");
  const { lines, errors } = await metricsOf(database);
  expect(lines.slice(0, 2)).toEqual([
    'dispatcher_deliveries{state="pending"} 3',
    'dispatcher_deliveries{state="dead"} 0',
  ]);
  expect(lines[2]).toMatch(/^dispatcher_oldest_delivery_age_seconds\{state="pending"\} 7[2-9]\d\d/);
  expect([lines.length, errors]).toEqual([3, 0]);
  await database.close();
  expect(await metricsOf(database)).toEqual({ lines: [], errors: 1 });
});

test("attempts are counted by what they came to", async () => {
  const metrics = createMetrics();
  for (const result of ["delivered", "failed", "delivered"]) metrics.deliveryAttempted(result);
  const text = await metrics.registry.metrics();
  expect(text).toContain('dispatcher_delivery_attempts_total{result="delivered"} 2');
  expect(text).toContain('dispatcher_delivery_attempts_total{result="failed"} 1');
});

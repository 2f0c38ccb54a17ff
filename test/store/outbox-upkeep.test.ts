import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readAwaitedTransitions } from "../../src/store/awaited-transitions.ts";
import type { Database } from "../../src/store/database.ts";
import { deleteDelivered } from "../../src/store/delete-delivered.ts";
import { type DeliveryPlace, listDeliveries } from "../../src/store/list-deliveries.ts";
import { readOutboxFigures } from "../../src/store/outbox-figures.ts";
import { redriveDelivery } from "../../src/store/redrive-delivery.ts";
import { takeDeliveries } from "../../src/store/take-deliveries.ts";
import { runOutboxHousekeeping } from "../../src/workers/outbox-housekeeping.ts";
import {
  age,
  all,
  movesWithEffect,
  moveWithEffect,
  readMessage,
  type SentEffect,
} from "../support/outbox.ts";
import { openMigratedDatabase } from "../support/store.ts";

let database: Database;
beforeAll(async () => {
  database = await openMigratedDatabase();
});
afterAll(() => database.close());
beforeEach(() => database.query("delete from dispatcher.outbox_message", []));

const end = (effect: SentEffect, state: "DELIVERED" | "DEAD") =>
  database.query(
    `update dispatcher.outbox_message set state = $3, next_attempt_time = null, attempts = 9, lease_id = $4
     where chain_id = $1 and version = $2`,
    [effect.chainId, effect.version, state, randomUUID()],
  );

const take = async () =>
  (await takeDeliveries(database, all, randomUUID())).flatMap(({ deliveries }) => deliveries);

describe("a list of deliveries", () => {
  const listAll = async (filter: Parameters<typeof listDeliveries>[1], limit: number) => {
    const found: [string, number][] = [];
    let after: DeliveryPlace | undefined;
    do {
      const page = await listDeliveries(database, filter, after, limit);
      expect(page.deliveries.length).toBeLessThanOrEqual(limit);
      found.push(...page.deliveries.map(({ chainId, version }): [string, number] => [chainId, version]));
      after = page.next;
    } while (after);
    return found;
  };
  const placesOf = (effects: readonly SentEffect[]) =>
    effects.map(({ chainId, version }) => [chainId, version]);

  test("goes from the oldest to the youngest, page by page, whatever their state", async () => {
    const effects: SentEffect[] = [];
    for (let at = 0; at < 9; at += 1) effects.push(await moveWithEffect(database));
    for (const [at, effect] of effects.entries())
      if (at % 3 > 0) await end(effect, at % 3 === 1 ? "DELIVERED" : "DEAD");
    for (const limit of [1, 2, 4, 9]) {
      expect(await listAll({}, limit)).toEqual(placesOf(effects));
      const dead = effects.filter((_, at) => at % 3 === 2);
      expect(await listAll({ state: "DEAD" }, limit)).toEqual(placesOf(dead));
    }
  });

  test("is not confused by moves of the same instant", async () => {
    for (let at = 0; at < 5; at += 1) await movesWithEffect(database, 2);
    await database.query(
      "update dispatcher.outbox_message set create_time = '2026-01-01 00:00:00.123457+00'",
      [],
    );
    const found = await listAll({}, 3);
    expect(found).toHaveLength(10);
    expect(found).toEqual(found.toSorted(([a, v], [b, w]) => (a === b ? v - w : a < b ? -1 : 1)));
  });

  test("of one chain goes by version", async () => {
    await moveWithEffect(database);
    const effects = await movesWithEffect(database, 5);
    const [first, second] = effects as [SentEffect, SentEffect];
    const { chainId } = first;
    await end(second, "DEAD");
    expect(await listAll({ chainId }, 2)).toEqual(placesOf(effects));
    expect(await listAll({ chainId, state: "DEAD" }, 2)).toEqual(placesOf([second]));
    expect(await listAll({ chainId: randomUUID() }, 2)).toEqual([]);
  });

  test("names a time only for what does not wait for an earlier one", async () => {
    await movesWithEffect(database, 2);
    await take();
    const { deliveries } = await listDeliveries(database, {}, undefined, 10);
    const [first, second] = deliveries;
    expect(first?.nextAttemptTime?.getTime()).toBeGreaterThan(Date.now());
    expect(first).toMatchObject({ state: "PENDING", attempts: 1, endpoint: "http://localhost/pay" });
    expect(second).toMatchObject({ state: "PENDING", attempts: 0, endpoint: "", nextAttemptTime: undefined });
  });
});

describe("a delivery that is re-driven", () => {
  test("is delivered as if its chain had just moved, with the same bytes, and is waited for", async () => {
    const [first, second] = (await movesWithEffect(database, 2)) as [SentEffect, SentEffect];
    const { body } = await readMessage(database, first);
    await end(first, "DEAD");
    await age(database, first, "5 days");
    expect((await take()).map(({ version }) => version)).toEqual([2]);
    await age(database, second, "1 hour");
    await redriveDelivery(database, first);
    expect(await take()).toMatchObject([{ version: 1, attempts: 1, body }]);
    await age(database, first, "71 hours");
    expect(await runOutboxHousekeeping(database)).toBe(0);
  });

  test.each(["PENDING", "DELIVERED"] as const)("is left as it is if it is %s", async (state) => {
    const effect = await moveWithEffect(database);
    await take();
    if (state === "DELIVERED") await end(effect, state);
    const { wait_ms: _, ...before } = await readMessage(database, effect);
    await redriveDelivery(database, effect);
    expect(before.state).toBe(state);
    expect(await readMessage(database, effect)).toMatchObject(before);
  });

  test("must be named with its transition", async () => {
    const effect = await moveWithEffect(database);
    await end(effect, "DEAD");
    await redriveDelivery(database, { ...effect, transition: "refund" });
    expect(await readMessage(database, effect)).toMatchObject({ state: "DEAD" });
  });
});

describe("housekeeping", () => {
  test("deletes what was delivered a week ago, in batches, and nothing else", async () => {
    const effects: SentEffect[] = [];
    for (let at = 0; at < 6; at += 1) effects.push(await moveWithEffect(database));
    const [pending, dead, young, ...old] = effects as [SentEffect, SentEffect, SentEffect, ...SentEffect[]];
    await end(dead, "DEAD");
    for (const effect of [young, ...old]) await end(effect, "DELIVERED");
    for (const effect of [pending, dead, ...old]) await age(database, effect, "7 days 1 minute");
    await age(database, young, "6 days 23 hours");
    expect(await deleteDelivered(database, 2)).toBe(2);
    expect(await runOutboxHousekeeping(database)).toBe(1);
    expect(await runOutboxHousekeeping(database)).toBe(0);
    const { deliveries } = await listDeliveries(database, {}, undefined, 10);
    expect(deliveries.map(({ state }) => state).sort()).toEqual(["DEAD", "DELIVERED", "PENDING"]);
  });
});

test("what is pending and what is dead is counted", async () => {
  expect(await readOutboxFigures(database)).toEqual({ pending: 0, dead: 0, oldestPendingSeconds: 0 });
  const [dead, first] = (await movesWithEffect(database, 4)) as [SentEffect, SentEffect];
  await end(dead, "DEAD");
  await age(database, dead, "4 days");
  await age(database, first, "2 hours");
  const { oldestPendingSeconds, ...counts } = await readOutboxFigures(database);
  expect(counts).toEqual({ pending: 3, dead: 1 });
  expect(oldestPendingSeconds).toBeGreaterThanOrEqual(7_200);
  expect(oldestPendingSeconds).toBeLessThan(7_260);
});

test("the transitions that messages are pending of are found, whether or not a revision has them", async () => {
  expect(await readAwaitedTransitions(database)).toEqual([]);
  const [first] = await movesWithEffect(database, 3);
  await end(first as SentEffect, "DELIVERED");
  await database.query(
    "update dispatcher.outbox_message set chain_type = 'gone', transition = 'ünd' where version = 3",
    [],
  );
  await movesWithEffect(database, 2);
  expect(await readAwaitedTransitions(database)).toEqual([
    { chainType: "gone", transition: "ünd" },
    { chainType: "order", transition: "pay" },
    { chainType: "order", transition: "refund" },
  ]);
});

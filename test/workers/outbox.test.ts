import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { takeDeliveries } from "../../src/store/take-deliveries.ts";
import { startHttpCallback } from "../support/callback-host.ts";
import { type OpenOutbox, openOutbox } from "../support/open-outbox.ts";
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

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function receiver(...args: Parameters<typeof startHttpCallback>) {
  const started = await startHttpCallback(...args);
  closing.push(started.stop);
  return started;
}

/** A sidecar's outbox, all of whose callbacks are there. */
async function outboxTo(url: string): Promise<OpenOutbox> {
  const opened = await openOutbox(database);
  closing.push(opened.close);
  opened.callbackAt(url);
  return opened;
}

describe("an effect", () => {
  test("is delivered as its move wrote it, with the token that the move gave", async () => {
    const app = await receiver();
    const { run, results } = await outboxTo(app.url);
    const [first, second] = (await movesWithEffect(database, 2)) as [SentEffect, SentEffect];
    expect(await run()).toMatchObject({ taken: 1 });
    expect(await run()).toMatchObject({ taken: 1 });
    expect(await run()).toMatchObject({ taken: 0 });
    expect(results).toEqual(["delivered", "delivered"]);
    expect(app.calls.map(({ request }) => request)).toMatchObject([
      {
        deliveryId: first.deliveryId,
        fencingToken: 1n,
        chain: { id: first.chainId, state: "new", version: 0n },
        transition: { name: "pay", finalState: "paid" },
      },
      { deliveryId: second.deliveryId, fencingToken: 2n, chain: { state: "paid", version: 1n } },
    ]);
    expect(await readMessage(database, first)).toMatchObject({ state: "DELIVERED", endpoint: app.url });
  });

  test("is repeated with the same bytes until it is done, and no other of its chain before", async () => {
    const app = await receiver(() =>
      app.calls.length < 4 ? { kind: "error", message: "later" } : { kind: "done" },
    );
    const { run, results } = await outboxTo(app.url);
    const [first, second] = (await movesWithEffect(database, 2)) as [SentEffect, SentEffect];
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      await run();
      expect(await run()).toMatchObject({ taken: attempt < 4 ? 0 : 1 });
      if (attempt === 4) break;
      const message = await readMessage(database, first);
      expect(message).toMatchObject({ state: "PENDING", attempts: attempt });
      expect(message.last_error).toContain("later");
      expect(message.wait_ms).toBeLessThanOrEqual(1000 * 2 ** (attempt - 1));
      await age(database, first, "1 minute");
    }
    expect(results).toEqual(["failed", "failed", "failed", "delivered", "delivered"]);
    const ids = app.calls.map(({ request }) => request.deliveryId);
    expect(ids).toEqual([...Array(4).fill(first.deliveryId), second.deliveryId]);
    const [bytes, ...more] = app.calls.slice(0, 4).map((call) => call.bytes);
    for (const others of more) expect(others).toEqual(bytes);
  });

  test("that fails again and again waits longer and longer, each of many for its own time", async () => {
    const app = await receiver(() => ({ kind: "error", message: "no", httpStatus: 409 }));
    const { run } = await outboxTo(app.url);
    const effects: SentEffect[] = [];
    for (let at = 0; at < 12; at += 1) effects.push(await moveWithEffect(database));
    await database.query("update dispatcher.outbox_message set attempts = 9", []);
    await run();
    const waits = await Promise.all(
      effects.map(async (effect) => (await readMessage(database, effect)).wait_ms ?? 0),
    );
    expect(Math.max(...waits)).toBeLessThanOrEqual(512_000);
    // All of twelve below a tenth of what is possible: once in 10^12.
    expect(Math.max(...waits)).toBeGreaterThan(51_200);
    expect(new Set(waits.map((wait) => Math.round(wait / 100))).size).toBeGreaterThan(6);
  });

  test("is not sent before the receiver wants it", async () => {
    const headers = { "retry-after": "120" };
    const app = await receiver(() => ({ kind: "error", message: "busy", httpStatus: 503, headers }));
    const { run } = await outboxTo(app.url);
    const effect = await moveWithEffect(database);
    await run();
    const { wait_ms } = await readMessage(database, effect);
    expect(wait_ms).toBeGreaterThan(110_000);
    expect(wait_ms).toBeLessThanOrEqual(120_000);
  });

  test("that was never done is dead after three days, and the next of its chain is delivered", async () => {
    const app = await receiver(({ request }) =>
      request.transition?.name === "pay" ? { kind: "error", message: "never" } : { kind: "done" },
    );
    const { run, results, dues } = await outboxTo(app.url);
    const [first, second] = (await movesWithEffect(database, 2)) as [SentEffect, SentEffect];
    await age(database, first, "3 days");
    const before = dues();
    await run();
    expect(dues()).toBeGreaterThan(before);
    expect(await readMessage(database, first)).toMatchObject({ state: "DEAD", attempts: 1 });
    await run();
    expect(results).toEqual(["dead", "delivered"]);
    expect(await readMessage(database, second)).toMatchObject({ state: "DELIVERED" });
  });
});

describe("an attempt", () => {
  test("that gets no answer is over with its time, and counted as such", async () => {
    const app = await receiver(() => ({ kind: "hang" }));
    const opened = await outboxTo(app.url);
    opened.callbackAt(app.url, { timeoutMs: 100 });
    const effect = await moveWithEffect(database);
    await opened.run();
    expect(opened.results).toEqual(["unanswered"]);
    expect(await readMessage(database, effect)).toMatchObject({ state: "PENDING", attempts: 1 });
  });

  test("of one that is under way is not begun by another sidecar", async () => {
    const app = await receiver(() => ({ kind: "hang" }));
    const one = await outboxTo(app.url);
    const other = await outboxTo(app.url);
    await moveWithEffect(database);
    expect(await one.outbox.runOnce()).toMatchObject({ taken: 1 });
    await expect.poll(() => app.calls.length).toBe(1);
    expect(await other.outbox.runOnce()).toMatchObject({ taken: 0 });
    app.release();
    await one.outbox.settled();
    expect(one.results).toEqual(["delivered"]);
  });

  test("that comes back when its lease is over and another has taken its place is late", async () => {
    const app = await receiver(() => ({ kind: "hang" }));
    const { outbox, results } = await outboxTo(app.url);
    const effect = await moveWithEffect(database);
    await outbox.runOnce();
    await expect.poll(() => app.calls.length).toBe(1);
    await age(database, effect, "1 minute");
    const [pay] = await takeDeliveries(database, all, randomUUID());
    expect(pay?.deliveries).toHaveLength(1);
    app.release();
    await outbox.settled();
    expect(results).toEqual(["late"]);
    expect(await readMessage(database, effect)).toMatchObject({ state: "PENDING", attempts: 2 });
  });
});

describe("when the sidecar ends", () => {
  test("attempts under way are finished within the grace period", async () => {
    const app = await receiver(() => ({ kind: "hang" }));
    const { outbox, results } = await outboxTo(app.url);
    const effect = await moveWithEffect(database);
    await outbox.runOnce();
    await expect.poll(() => app.calls.length).toBe(1);
    const ended = outbox.end(60_000);
    app.release();
    await ended;
    expect(results).toEqual(["delivered"]);
    expect(await readMessage(database, effect)).toMatchObject({ state: "DELIVERED" });
  });

  test("those that take longer are given up, and made by another when their leases have ended", async () => {
    const app = await receiver(() => (app.calls.length === 1 ? { kind: "hang" } : { kind: "done" }));
    const { outbox } = await outboxTo(app.url);
    const effect = await moveWithEffect(database);
    await outbox.runOnce();
    await expect.poll(() => app.calls.length).toBe(1);
    await outbox.end(0);
    const { wait_ms } = await readMessage(database, effect);
    expect(wait_ms).toBeGreaterThan(10_000);
    expect(wait_ms).toBeLessThanOrEqual(25_000);

    const successor = await outboxTo(app.url);
    expect(await successor.run()).toMatchObject({ taken: 0 });
    await age(database, effect, "25 s");
    expect(await successor.run()).toMatchObject({ taken: 1 });
    expect(successor.results).toEqual(["delivered"]);
    expect(app.calls[1]?.bytes).toEqual(app.calls[0]?.bytes);
  });
});

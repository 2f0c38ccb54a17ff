import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { type AttemptEnd, finishDeliveries } from "../../src/store/finish-deliveries.ts";
import { type TakenDelivery, takeDeliveries } from "../../src/store/take-deliveries.ts";
import {
  age,
  all,
  movesWithEffect,
  moveWithEffect,
  readMessage,
  type SentEffect,
  takeable,
} from "../support/outbox.ts";
import { openMigratedDatabase } from "../support/store.ts";

let database: Database & { url: string };
beforeAll(async () => {
  database = await openMigratedDatabase();
});
afterAll(() => database.close());
beforeEach(() => database.query("delete from dispatcher.outbox_message", []));

async function take(places = all): Promise<TakenDelivery[]> {
  const taken = await takeDeliveries(database, places, randomUUID());
  return taken.flatMap(({ deliveries }) => deliveries);
}

async function finish(delivery: TakenDelivery | undefined, end: AttemptEnd) {
  if (!delivery) throw new Error("nothing was taken");
  const [result] = await finishDeliveries(database, [{ delivery, end }]);
  return result;
}

const placesOf = (taken: readonly { chainId: string; version: number }[]) =>
  taken.map(({ chainId, version }) => [chainId, version]);

const delivered: AttemptEnd = { kind: "delivered" };
const failed: AttemptEnd = { kind: "failed", retryAfterMs: 60_000, error: "no" };

describe("the messages of a chain are taken in order", () => {
  test("each when the one before it is delivered, and at once", async () => {
    const effects = await movesWithEffect(database, 4);
    for (const effect of effects) {
      const taken = await take();
      expect(placesOf(taken)).toEqual(placesOf([effect]));
      expect(await take()).toEqual([]);
      const hasNext = effect !== effects.at(-1);
      expect(await finish(taken[0], delivered)).toEqual({ kind: "finished", state: "DELIVERED", hasNext });
    }
    expect(await take()).toEqual([]);
  });

  test("what waits behind one in backoff is put out of the way, and taken after it all the same", async () => {
    const [first, second, third] = (await movesWithEffect(database, 3)) as [
      SentEffect,
      SentEffect,
      SentEffect,
    ];
    const [pay, refund] = await takeDeliveries(database, all, randomUUID());
    expect([pay?.deliveries.length, pay?.parked, refund?.parked]).toEqual([1, 1, 1]);
    expect(await takeDeliveries(database, all, randomUUID())).toMatchObject([{ parked: 0 }, { parked: 0 }]);
    for (const behind of [second, third])
      expect((await readMessage(database, behind)).wait_ms).toBeGreaterThan(60_000);
    await finish(pay?.deliveries[0], failed);
    expect(await take()).toEqual([]);

    await age(database, first, "60 s");
    expect(await finish((await take())[0], delivered)).toMatchObject({ hasNext: true });
    expect(placesOf(await take())).toEqual(placesOf([second]));
    expect((await readMessage(database, third)).attempts).toBe(0);
  });

  test("one that is dead does not hold up the others any more", async () => {
    const [first, second] = await movesWithEffect(database, 2);
    await finish((await take())[0], failed);
    await take();
    await age(database, first as SentEffect, "71 hours 59 minutes");
    const [young] = await take();
    expect(await finish(young, failed)).toMatchObject({ state: "PENDING", hasNext: false });
    await age(database, first as SentEffect, "1 minute");
    const [old] = await take();
    expect(old).toMatchObject({ version: 1, attempts: 3 });
    expect(await finish(old, failed)).toEqual({ kind: "finished", state: "DEAD", hasNext: true });
    expect(placesOf(await take())).toEqual(placesOf([second as SentEffect]));
  });

  test("one that is just being finished is waited for, and nothing is parked behind it", async () => {
    const first = await moveWithEffect(database);
    await take();
    const second = await moveWithEffect(database, { id: first.chainId });
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    try {
      await other.query("begin");
      // As finishing it does, up to the commit.
      await other.query(
        "update dispatcher.outbox_message set state = 'DELIVERED', next_attempt_time = null where chain_id = $1 and version = 1",
        [first.chainId],
      );
      const [, refund] = await takeDeliveries(database, all, randomUUID());
      expect(refund).toEqual({ deliveries: [], parked: 0, hasMore: true });
      await other.query("commit");
    } finally {
      await other.end();
    }
    expect(placesOf(await take())).toEqual(placesOf([second]));
  });

  test("whatever is taken, finished and sent at the same time", async () => {
    const chains = 12;
    const movesEach = 25;
    const order = new Map<string, number[]>();
    let left = chains * movesEach;
    const move = async () => {
      const { chainId } = await moveWithEffect(database);
      for (let at = 1; at < movesEach; at += 1) await moveWithEffect(database, { id: chainId });
    };
    const deliverAll = async () => {
      while (left > 0) {
        const places = [takeable("pay", { most: 3 }), takeable("refund", { most: 3 })];
        for (const delivery of await take(places)) {
          order.set(delivery.chainId, [...(order.get(delivery.chainId) ?? []), delivery.version]);
          // Some fail, and are taken again while others behind them are parked.
          const isLast = Math.random() < 0.7;
          await finish(delivery, isLast ? delivered : { ...failed, retryAfterMs: 0 });
          if (isLast) left -= 1;
        }
      }
    };
    // One that is parked and never woken would be taken only an hour later, and the test would not end.
    await Promise.all([...Array.from({ length: chains }, move), deliverAll(), deliverAll(), deliverAll()]);
    expect(order.size).toBe(chains);
    for (const versions of order.values()) {
      expect(versions).toEqual(versions.toSorted((a, b) => a - b));
      expect(new Set(versions).size).toBe(movesEach);
    }
  });
});

describe("a message is taken by lease", () => {
  test("and again when the lease has ended; who had it before is refused", async () => {
    const effect = await moveWithEffect(database);
    const [crashed] = await take();
    expect(crashed).toMatchObject({ attempts: 1 });
    expect(await take()).toEqual([]);
    await age(database, effect, "24 s");
    expect(await take()).toEqual([]);
    await age(database, effect, "1 s");
    const [successor] = await take();
    expect(successor).toEqual({ ...crashed, attempts: 2, leaseId: successor?.leaseId });

    expect(await finish(crashed, delivered)).toEqual({ kind: "late" });
    expect(await finish(crashed, failed)).toEqual({ kind: "late" });
    expect(await readMessage(database, effect)).toMatchObject({ state: "PENDING", last_error: "" });
    expect(await finish(successor, delivered)).toMatchObject({ kind: "finished" });
    expect(await finish(crashed, failed)).toEqual({ kind: "late" });
    expect(await readMessage(database, effect)).toMatchObject({ state: "DELIVERED", attempts: 2 });
  });

  test("one who is late, but whom nobody has followed, is heard", async () => {
    const effect = await moveWithEffect(database);
    const [slow] = await take();
    await age(database, effect, "1 hour");
    expect(await finish(slow, delivered)).toMatchObject({ kind: "finished", state: "DELIVERED" });
  });

  test("which nobody else gets at the same time", async () => {
    const effects = await Promise.all(Array.from({ length: 120 }, () => moveWithEffect(database)));
    const taken: TakenDelivery[] = [];
    const takeSome = async () => {
      for (;;) {
        const some = await take([takeable("pay", { most: 5 })]);
        taken.push(...some);
        if (taken.length >= effects.length) return;
      }
    };
    await Promise.all(Array.from({ length: 6 }, takeSome));
    expect(taken).toHaveLength(effects.length);
    expect(new Set(taken.map(({ chainId }) => chainId)).size).toBe(effects.length);
  });

  test("to be told the end twice changes nothing", async () => {
    const [first] = await movesWithEffect(database, 2);
    const [delivery] = await take();
    expect(await finish(delivery, { kind: "released" })).toMatchObject({ state: "PENDING" });
    expect(await finish(delivery, { kind: "released" })).toMatchObject({ state: "PENDING" });
    expect(await readMessage(database, first as SentEffect)).toMatchObject({ attempts: 0 });
    const [again] = await take();
    const told = await finish(again, delivered);
    expect(told).toEqual({ kind: "finished", state: "DELIVERED", hasNext: true });
    expect(await finish(again, delivered)).toEqual(told);
  });
});

describe("what is taken is what its taker can deliver", () => {
  test("only of the transitions that it lists", async () => {
    const [first, second] = await movesWithEffect(database, 2);
    expect(await take([takeable("refund"), takeable("unknown")])).toEqual([]);
    const [delivery] = await take([takeable("pay")]);
    expect(placesOf([delivery as TakenDelivery])).toEqual(placesOf([first as SentEffect]));
    await finish(delivery, delivered);
    expect(await take([takeable("pay")])).toEqual([]);
    expect(placesOf(await take([takeable("refund")]))).toEqual(placesOf([second as SentEffect]));
  });

  test("as many as its destination takes, of all transitions together, the longest due first", async () => {
    const effects: SentEffect[] = [];
    for (let at = 0; at < 4; at += 1) effects.push(await moveWithEffect(database));
    const [one, two] = effects as [SentEffect, SentEffect];
    for (const { chainId } of [one, two]) {
      await finish((await take([takeable("pay", { most: 1 })]))[0], delivered);
      effects.push(await moveWithEffect(database, { id: chainId }));
    }
    const [pay, refund] = await takeDeliveries(
      database,
      [takeable("pay", { most: 3 }), takeable("refund", { most: 3 })],
      randomUUID(),
    );
    expect(placesOf(pay?.deliveries ?? [])).toEqual(placesOf(effects.slice(2, 4)));
    expect(placesOf(refund?.deliveries ?? [])).toEqual(placesOf(effects.slice(4, 5)));
    expect(refund?.hasMore).toBe(true);
  });

  test("with the bytes that the move wrote, each time the same, and where they go", async () => {
    const effect = await moveWithEffect(database);
    const { body } = await readMessage(database, effect);
    const [first] = await take();
    expect(first?.body).toEqual(body);
    expect(first?.fencingToken).toBe(1);
    expect(await readMessage(database, effect)).toMatchObject({ endpoint: "http://localhost/pay" });
    await finish(first, { ...failed, retryAfterMs: 0 });
    const [second] = await take([takeable("pay", { endpoint: "http://localhost/new" })]);
    expect(second).toMatchObject({ body, fencingToken: 1, attempts: 2 });
    expect(await readMessage(database, effect)).toMatchObject({
      endpoint: "http://localhost/new",
      last_error: "no",
    });
  });
});

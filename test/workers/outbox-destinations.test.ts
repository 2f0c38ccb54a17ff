import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { AnswerLost } from "../../src/store/database-error.ts";
import { Outbox, startOutbox } from "../../src/workers/outbox.ts";
import { startHttpCallback } from "../support/callback-host.ts";
import { freeAddress } from "../support/free-address.ts";
import { type OpenOutbox, openOutbox } from "../support/open-outbox.ts";
import { age, movesWithEffect, moveWithEffect, readMessage, type SentEffect } from "../support/outbox.ts";
import { openMigratedDatabase } from "../support/store.ts";

let database: Database;
beforeAll(async () => {
  database = await openMigratedDatabase();
});
afterAll(() => database.close());
beforeEach(() => database.query("delete from dispatcher.outbox_message", []));

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const close of closing.splice(0).reverse()) await close();
});

async function receiver(...args: Parameters<typeof startHttpCallback>) {
  const started = await startHttpCallback(...args);
  closing.push(started.stop);
  return started;
}

async function open(): Promise<OpenOutbox> {
  const opened = await openOutbox(database);
  closing.push(opened.close);
  return opened;
}

describe("a message goes to the callback that is in force when it is delivered", () => {
  test("and to nobody as long as there is none", async () => {
    const { run, callbackAt } = await open();
    await moveWithEffect(database);
    expect(await run()).toMatchObject({ taken: 0 });
    const app = await receiver();
    callbackAt(app.url, { transition: "refund" });
    expect(await run()).toMatchObject({ taken: 0 });
    callbackAt(app.url, { transition: "pay" });
    expect(await run()).toMatchObject({ taken: 1 });
    expect(app.calls).toHaveLength(1);
  });

  test("whatever its mode is by then, and wherever the attempt before went", async () => {
    const former = await receiver(() => ({ kind: "error", message: "moved away" }));
    const { run, callbackAt, parts } = await open();
    callbackAt(former.url);
    const effect = await moveWithEffect(database);
    await run();
    const app = await receiver();
    const callback = { endpoint: { url: app.url }, mode: "BEFORE_COMMIT" as const };
    parts.registry.callbacks.putLocal("order", [""], callback);
    await age(database, effect, "1 minute");
    await run();
    expect([former.calls.length, app.calls.length]).toEqual([1, 1]);
    expect(await readMessage(database, effect)).toMatchObject({ state: "DELIVERED", endpoint: app.url });
  });

  test("also of a transition that no revision has any more", async () => {
    const { run, callbackAt } = await open();
    await moveWithEffect(database);
    await database.query("update dispatcher.outbox_message set transition = 'settle'", []);
    const app = await receiver();
    callbackAt(app.url);
    expect(await run()).toMatchObject({ taken: 1 });
    expect(app.calls).toHaveLength(1);
  });
});

describe("a local callback that is not there", () => {
  test("leaves the message to a sidecar that has one, and is asked again after a while", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const address = await freeAddress();
    const { run, callbackAt, results } = await open();
    callbackAt(`http://${address}`);
    const effect = await moveWithEffect(database);
    expect(await run()).toMatchObject({ taken: 1 });
    expect(results).toEqual(["released"]);
    const message = await readMessage(database, effect);
    expect(message).toMatchObject({ state: "PENDING", attempts: 0 });
    expect(message.last_error).toContain("refused the connection");
    expect(message.wait_ms).toBeLessThanOrEqual(0);
    expect(await run()).toMatchObject({ taken: 0 });

    const app = await receiver();
    const other = await open();
    other.callbackAt(app.url);
    expect(await other.run()).toMatchObject({ taken: 1 });
    expect(other.results).toEqual(["delivered"]);

    await receiver(undefined, { port: Number(address.split(":")[1]) });
    await moveWithEffect(database);
    expect(await run()).toMatchObject({ taken: 0 });
    vi.advanceTimersByTime(5_000);
    expect(await run()).toMatchObject({ taken: 1 });
    expect(results).toEqual(["released", "delivered"]);
  });
});

describe("a destination that is unwell", () => {
  test("is left alone after five failures in a row, and one message shows when it is well again", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    let isWell = false;
    const app = await receiver(() => (isWell ? { kind: "done" } : { kind: "error", message: "down" }));
    const { run, callbackAt } = await open();
    callbackAt(app.url);
    const effects: SentEffect[] = [];
    for (let at = 0; at < 5; at += 1) effects.push(await moveWithEffect(database));
    expect(await run()).toMatchObject({ taken: 5 });
    for (let at = 0; at < 3; at += 1) effects.push(await moveWithEffect(database));
    expect(await run()).toMatchObject({ taken: 0 });
    vi.advanceTimersByTime(60_000);
    expect(await run()).toMatchObject({ taken: 1 });
    expect(await run()).toMatchObject({ taken: 0 });

    isWell = true;
    vi.advanceTimersByTime(60_000);
    expect(await run()).toMatchObject({ taken: 1 });
    for (const effect of effects) await age(database, effect, "1 hour");
    expect(await run()).toMatchObject({ taken: 7 });
    for (const effect of effects)
      expect(await readMessage(database, effect)).toMatchObject({ state: "DELIVERED" });
  });

  test("gets 32 messages at once, and does not keep others from theirs", async () => {
    let isSlow = true;
    const slow = await receiver(() => ({ kind: isSlow ? "hang" : "done" }));
    const quick = await receiver();
    const { outbox, callbackAt, results, dues } = await open();
    callbackAt(slow.url, { transition: "pay" });
    callbackAt(quick.url, { transition: "refund" });
    await Promise.all(Array.from({ length: 40 }, () => moveWithEffect(database)));
    expect(await outbox.runOnce()).toMatchObject({ taken: 32 });
    await expect.poll(() => slow.calls.length).toBe(32);
    expect(await outbox.runOnce()).toMatchObject({ taken: 0 });
    const [first] = (await movesWithEffect(database, 2)) as [SentEffect];
    await database.query(
      "update dispatcher.outbox_message set state = 'DELIVERED', next_attempt_time = null where chain_id = $1 and version = 1",
      [first.chainId],
    );
    expect(await outbox.runOnce()).toMatchObject({ taken: 1 });
    await expect.poll(() => results).toEqual(["delivered"]);
    expect(slow.calls).toHaveLength(32);

    const before = dues();
    isSlow = false;
    slow.release();
    await outbox.settled();
    expect(dues()).toBeGreaterThan(before);
    expect(await outbox.runOnce()).toMatchObject({ taken: 8 });
    await outbox.settled();
    expect(results).toEqual(Array(41).fill("delivered"));
  });
});

describe("the database", () => {
  test("that takes in the end of an attempt, and whose answer is lost, is asked once more", async () => {
    const app = await receiver();
    const { parts, callbackAt, results } = await open();
    callbackAt(app.url);
    const [first] = (await movesWithEffect(database, 2)) as [SentEffect];
    let asked = 0;
    const store: typeof parts.store = {
      ...parts.store,
      async finishDelivery(ended) {
        const result = await parts.store.finishDelivery(ended);
        asked += 1;
        if (asked === 1) throw new AnswerLost("the connection broke before the answer came");
        return result;
      },
    };
    let dues = 0;
    const outbox = new Outbox({ ...parts, store }, () => {
      dues += 1;
    });
    expect(await outbox.runOnce()).toMatchObject({ taken: 1 });
    await outbox.settled();
    expect([asked, dues, results]).toEqual([2, 1, ["delivered"]]);
    expect(await readMessage(database, first)).toMatchObject({ state: "DELIVERED", attempts: 1 });
    expect(app.calls).toHaveLength(1);
  });
});

describe("sidecars that share an outbox", () => {
  test("deliver each message once, in the order of its chain, without waiting for their next look", async () => {
    const app = await receiver();
    const running = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const { parts, callbackAt } = await open();
        callbackAt(app.url);
        return startOutbox(parts);
      }),
    );
    for (const outbox of running) closing.push(() => outbox.stop(0));
    const chains = 10;
    const moves = 12;
    const startMs = performance.now();
    await Promise.all(
      Array.from({ length: chains }, async () => {
        const { chainId } = await moveWithEffect(database);
        running[0]?.wake();
        for (let at = 1; at < moves; at += 1) {
          await moveWithEffect(database, { id: chainId });
          running[at % 3]?.wake();
        }
      }),
    );
    await expect.poll(() => app.calls.length).toBe(chains * moves);
    // Each look finds one message of a chain at most.
    expect(performance.now() - startMs).toBeLessThan(moves * 1000);
    const byChain = Map.groupBy(app.calls, ({ request }) => request.chain?.id);
    expect(byChain.size).toBe(chains);
    for (const calls of byChain.values()) {
      const versions = calls.map(({ request }) => Number(request.chain?.version));
      expect(versions).toEqual(Array.from({ length: moves }, (_, at) => at));
    }
  });
});

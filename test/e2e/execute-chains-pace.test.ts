import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Clients, expectRefusal } from "../support/client.ts";
import { valid } from "../support/judged-shop.ts";
import { listeners, type Served, serve } from "../support/served.ts";
import { makeChains, registerParcel, serveOthers, sweep, waitingAnswer } from "../support/sweep.ts";

let served: Served;
let clients: Clients;
beforeAll(async () => {
  served = await serve();
  clients = served.over.gRPC;
});
afterAll(() => served.end());

test.each([
  [0, 16],
  [5, 5],
  [64, 64],
])(
  "concurrency %d: never more than %d at a time, by the application's own count",
  async (concurrency, most) => {
    const held = waitingAnswer();
    const { name, host } = await registerParcel(clients, held.answer);
    const [first = ""] = await makeChains(clients, name, 150);
    const swept = sweep(clients, { filter: { chainType: name }, concurrency });
    await expect.poll(() => host.calls.length).toBe(most);
    await serveOthers(clients, first);
    expect(host.calls).toHaveLength(most);
    held.letGo();
    expect((await swept).summary?.transitioned).toBe(150n);
    expect(held.most()).toBe(most);
  },
);

test("more than 64 at a time are refused", async () => {
  const call = sweep(clients, { filter: {}, concurrency: 65 });
  await expectRefusal(call, Code.InvalidArgument, "INVALID_REQUEST");
});

test.each(listeners)(
  "while nobody reads (%s), nothing more is executed than fits on the way",
  async (listener) => {
    const context = { text: "x".repeat(40_000) };
    const { name, host } = await registerParcel(clients, () => ({ ...valid, context }));
    const [first = ""] = await makeChains(clients, name, 400);
    const answers = served.over[listener].dispatcher
      .executeChains({ filter: { chainType: name }, concurrency: 4 })
      [Symbol.asyncIterator]();
    await answers.next();
    let before = -1;
    await expect
      .poll(
        () => {
          const isStill = before === host.calls.length;
          before = host.calls.length;
          return isStill;
        },
        { interval: 300 },
      )
      .toBe(true);
    await serveOthers(clients, first);
    expect(host.calls).toHaveLength(before);
    expect(before).toBeLessThan(200);

    let results = 1;
    for (;;) {
      const next = await answers.next();
      if (next.done) break;
      if (next.value.value.case === "result") results += 1;
    }
    expect(results).toBe(400);
    expect(host.calls).toHaveLength(400);
  },
);

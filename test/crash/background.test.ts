import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Chain, startTwoReplicas, type TwoReplicas } from "../support/two-replicas.ts";

// The points P10 to P13 at which what a sidecar does by itself may be cut short (reliability.md), each by kill -9.

let replicas: TwoReplicas;
beforeEach(async () => {
  replicas = await startTwoReplicas();
});
afterEach(() => replicas.end());

const query = async (sql: string, { id }: Chain) => (await replicas.database.query(sql, [id])).rows[0];

/** Both stand still; what is due is taken by the first, as soon as it is woken, up to the point. */
async function leaveToTheFirst(chain: Chain, makeDue: string, point: () => Promise<void>): Promise<void> {
  const { first, second, pause, wake } = replicas;
  pause(first, second);
  await replicas.database.query(makeDue, [chain.id]);
  const reached = point();
  wake(first);
  await reached;
  await first.kill();
}

describe("a message of the outbox is delivered by another replica, with the same id and the same bytes", () => {
  const messageOf = (chain: Chain) =>
    query(
      `select state, attempts, next_attempt_time > now() as is_leased, last_error <> '' as has_failed
       from dispatcher.outbox_message where chain_id = $1`,
      chain,
    );
  const MAKE_DUE = "update dispatcher.outbox_message set next_attempt_time = now() where chain_id = $1";
  const callsOf = ({ id }: Chain) =>
    replicas.receiver.calls.filter(({ request }) => request.chain?.id === id);

  test.each([
    ["P10: taken, and not sent", 1, () => replicas.wire.holdAnswerTo("take_deliveries_")],
    ["P11: sent and answered, and not marked", 2, () => replicas.wire.holdStatement("finish_deliveries_")],
  ])("%s", async (_, sent, point) => {
    const chain = await replicas.makeChain("after");
    replicas.react(() => ({ kind: "error", message: "not yet" }));
    await replicas.on.second.dispatcher.execute({ chain: chain.ref, requestedBy: "me" });
    await expect.poll(() => messageOf(chain)).toMatchObject({ attempts: 1, has_failed: true });
    replicas.react(() => ({ kind: "done" }));
    await leaveToTheFirst(chain, MAKE_DUE, point);
    expect(callsOf(chain)).toHaveLength(sent);
    expect(await messageOf(chain)).toMatchObject({ state: "PENDING", attempts: 2, is_leased: true });

    await replicas.database.query(MAKE_DUE, [chain.id]);
    replicas.wake(replicas.second);
    await expect.poll(() => messageOf(chain)).toMatchObject({ state: "DELIVERED", attempts: 3 });
    const calls = callsOf(chain);
    expect(calls).toHaveLength(sent + 1);
    expect(new Set(calls.map(({ request }) => request.deliveryId)).size).toBe(1);
    expect(new Set(calls.map(({ bytes }) => bytes.toString("hex"))).size).toBe(1);
  });
});

describe("a chain that is due is moved by another replica, each step once", () => {
  const MAKE_DUE = "update dispatcher.chain set wake_time = now() where id = $1";

  test.each([
    ["P12: taken, and nobody asked", 0, () => replicas.wire.holdAnswerTo("take_due_")],
    ["P13: moved, and the sidecar not told", 1, () => replicas.wire.holdAnswerTo("commit_moves_")],
  ])("%s", async (_, version, point) => {
    const chain = await replicas.makeChain("auto");
    await leaveToTheFirst(chain, MAKE_DUE, point);
    const left = await query(
      "select version::int, wake_time > now() as is_leased from dispatcher.chain where id = $1",
      chain,
    );
    // A move sets the next wake-up; before it, the lease keeps the others away.
    expect(left).toEqual({ version, is_leased: version === 0 });
    await replicas.database.query(MAKE_DUE, [chain.id]);
    replicas.wake(replicas.second);
    await expect
      .poll(async () => (await replicas.on.second.dispatcher.getChain({ chain: chain.ref })).chain)
      .toMatchObject({ state: "done", version: 2n });
    const { events } = await replicas.on.second.dispatcher.listChainEvents({ chain: chain.ref });
    expect(events.map(({ transition, requestedBy }) => [transition, requestedBy])).toEqual([
      ["try", "scheduler"],
      ["end", "scheduler"],
    ]);
  });
});

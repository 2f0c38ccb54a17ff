import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ChainEventKind } from "../../gen/ts/dispatcher/v1/chain_event_pb.ts";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { type OwnPostgres, startOwnPostgres } from "../support/own-postgres.ts";
import { type Chain, startTwoReplicas, type TwoReplicas } from "../support/two-replicas.ts";

// The same points, but it is PostgreSQL that is killed and started again, while the sidecars go on.

let postgres: OwnPostgres;
let replicas: TwoReplicas;
beforeAll(async () => {
  postgres = await startOwnPostgres();
  replicas = await startTwoReplicas(postgres.url);
});
afterAll(async () => {
  await replicas.end();
  await postgres.remove();
});

async function killDatabase(): Promise<void> {
  await postgres.kill();
  await postgres.start();
  await replicas.reconnect();
}

const executeAtFirst = (chain: Chain) =>
  replicas.on.first.dispatcher.execute({ chain: chain.ref, requestId: "once" });

async function historyOf({ ref }: Chain) {
  const { events } = await replicas.on.second.dispatcher.listChainEvents({ chain: ref });
  return events.map(({ kind }) => kind);
}

describe("the caller is answered what became of it, and it became of it once", () => {
  test.each([
    ["P5: before the commit is sent", () => replicas.wire.cutBefore("commit_moves_")],
    ["P7: after the commit, before its acknowledgement", () => replicas.wire.cutAnswerTo("commit_moves_")],
  ])("%s", async (_, cut) => {
    const chain = await replicas.makeChain();
    const cuts = replicas.wire.cuts();
    cut();
    const call = executeAtFirst(chain);
    await expect.poll(() => replicas.wire.cuts()).toBe(cuts + 1);
    await killDatabase();
    expect(await call).toMatchObject({ outcome: Outcome.TRANSITIONED, chain: { version: 1n } });
    expect(await historyOf(chain)).toEqual([ChainEventKind.TRANSITIONED]);
  });

  test("P4: while the callback is called", async () => {
    const chain = await replicas.makeChain("before");
    replicas.react(() => ({ kind: "hang" }));
    const calls = () => replicas.receiver.calls.filter(({ request }) => request.chain?.id === chain.id);
    const call = executeAtFirst(chain);
    await expect.poll(calls).toHaveLength(1);
    await killDatabase();
    replicas.receiver.release();
    expect(await call).toMatchObject({ outcome: Outcome.TRANSITIONED, chain: { version: 1n } });
    expect(calls()).toHaveLength(1);
    expect(await historyOf(chain)).toEqual([ChainEventKind.TRANSITIONED]);
  });
});

test("P11: what was delivered while the database was away is marked afterwards, or comes again under the same id", async () => {
  replicas.react(() => ({ kind: "hang" }));
  const chain = await replicas.makeChain("after");
  await replicas.on.first.dispatcher.execute({ chain: chain.ref });
  const calls = () => replicas.receiver.calls.filter(({ request }) => request.chain?.id === chain.id);
  await expect.poll(calls).toHaveLength(1);
  await postgres.kill();
  replicas.react(() => ({ kind: "done" }));
  replicas.receiver.release();
  await postgres.start();
  await replicas.reconnect();
  await replicas.database.query(
    "update dispatcher.outbox_message set next_attempt_time = now() where chain_id = $1 and state = 'PENDING'",
    [chain.id],
  );
  const stateOf = async () =>
    (await replicas.on.second.operations.listDeliveries({ chainId: chain.id })).deliveries.map(
      ({ lastError, nextAttemptTime }) => [lastError, nextAttemptTime],
    );
  await expect.poll(stateOf).toEqual([["", undefined]]);
  expect(new Set(calls().map(({ request }) => request.deliveryId)).size).toBe(1);
});

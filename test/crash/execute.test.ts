import { Code } from "@connectrpc/connect";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ChainEventKind } from "../../gen/ts/dispatcher/v1/chain_event_pb.ts";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { expectRefusal } from "../support/client.ts";
import {
  type Chain,
  invalid,
  journey,
  startTwoReplicas,
  type TwoReplicas,
  valid,
} from "../support/two-replicas.ts";

// The points P0 to P9 at which an Execute may be cut short (reliability.md), each by kill -9 of its sidecar.

let replicas: TwoReplicas;
beforeEach(async () => {
  replicas = await startTwoReplicas();
});
afterEach(() => replicas.end());

const request = ({ ref }: Chain) => ({ chain: ref, requestId: "once", requestedBy: "me" });

/** An Execute at the first replica, which dies before it answers. */
function executeAtFirst(chain: Chain): Promise<unknown> {
  const call = replicas.on.first.dispatcher.execute(request(chain)).catch((error: unknown) => error);
  return call;
}

const executeAtSecond = (chain: Chain) => replicas.on.second.dispatcher.execute(request(chain));

async function historyOf({ ref }: Chain) {
  const { events } = await replicas.on.second.dispatcher.listChainEvents({ chain: ref });
  return events.map(({ kind }) => kind);
}

const versionOf = async ({ ref }: Chain) =>
  (await replicas.on.second.dispatcher.getChain({ chain: ref })).chain?.version;

const callsOf = ({ id }: Chain) =>
  replicas.receiver.calls.filter(({ request: sent }) => sent.chain?.id === id).map((call) => call.request);

const asked = (chain: Chain) => replicas.validator.calls.filter((call) => call.chain?.id === chain.id);

describe("before anything is committed: the chain is where it was, and another replica takes the step", () => {
  test.each([
    ["P0: while the first validator is asked", "try"],
    ["P2: between two validators", "go"],
  ])("%s", async (_, hanging) => {
    const chain = await replicas.makeChain();
    replicas.answer(({ transition }) => (transition === hanging ? new Promise(() => undefined) : invalid));
    const call = executeAtFirst(chain);
    await expect.poll(() => asked(chain).map(({ transition }) => transition)).toContain(hanging);
    await replicas.first.kill();
    await call;
    expect(await versionOf(chain)).toBe(0n);
    replicas.answer(() => valid);
    expect(await executeAtSecond(chain)).toMatchObject({
      outcome: Outcome.TRANSITIONED,
      chain: { version: 1n },
    });
    expect(await historyOf(chain)).toEqual([ChainEventKind.TRANSITIONED]);
  });

  test("P6: rows written, and not yet committed: nothing of them is seen", async () => {
    const chain = await replicas.makeChain("after");
    // An event of the same version that is not committed: the move's own waits for it, inside its statement.
    const other = new pg.Client({ connectionString: replicas.databaseUrl });
    await other.connect();
    await other.query("begin");
    await other.query(
      `insert into dispatcher.chain_event (id, chain_id, kind, is_move, version, from_state, final_state, requested_by, reason, event_time)
       values (gen_random_uuid(), $1, 'STATE_SET', true, 1, 'new', 'tried', '', '', now())`,
      [chain.id],
    );
    const call = executeAtFirst(chain);
    await expect
      .poll(async () => {
        const { rows } = await replicas.database.query(
          "select query from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
        );
        return rows.map(({ query }) => query).join();
      })
      .toContain("commit_moves_");
    await replicas.database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
    );
    await replicas.first.kill();
    await call;
    await other.end();
    expect(await versionOf(chain)).toBe(0n);
    expect(await historyOf(chain)).toEqual([]);
    const { rows } = await replicas.database.query(
      "select from dispatcher.outbox_message where chain_id = $1",
      [chain.id],
    );
    expect(rows).toEqual([]);
    expect(await executeAtSecond(chain)).toMatchObject({ outcome: Outcome.TRANSITIONED });
  });
});

describe("under a claim: it is left to expire, then the same effect comes again under a higher token", () => {
  test.each([
    ["P1, P3: the claim is committed, and nobody called yet", 0, (chain: Chain) => claimCommitted(chain)],
    ["P4: the callback is called, and has not answered", 1, (chain: Chain) => callbackHangs(chain)],
    ["P5: the callback has answered, and nothing is committed", 1, (chain: Chain) => commitNotSent(chain)],
  ])("%s", async (_, called, reach) => {
    const chain = await replicas.makeChain("before");
    const call = executeAtFirst(chain);
    await reach(chain);
    await replicas.first.kill();
    await call;
    expect(callsOf(chain)).toHaveLength(called);
    expect(await versionOf(chain)).toBe(0n);
    await expectRefusal(executeAtSecond(chain), Code.Aborted, "CLAIMED");
    replicas.react(() => ({ kind: "done" }));
    await replicas.expire(chain);
    expect(await executeAtSecond(chain)).toMatchObject({
      outcome: Outcome.TRANSITIONED,
      chain: { version: 1n },
    });
    const calls = callsOf(chain);
    expect(calls).toHaveLength(called + 1);
    expect(new Set(calls.map(({ deliveryId }) => deliveryId)).size).toBe(1);
    expect(Number(calls.at(-1)?.fencingToken)).toBe(2);
    expect(await historyOf(chain)).toEqual([ChainEventKind.CLAIM_EXPIRED, ChainEventKind.TRANSITIONED]);
  });

  const claimCommitted = (_: Chain) => replicas.wire.holdAnswerTo("take_claims_");
  async function callbackHangs(chain: Chain) {
    replicas.react(() => ({ kind: "hang" }));
    await expect.poll(() => callsOf(chain)).toHaveLength(1);
  }
  const commitNotSent = (_: Chain) => replicas.wire.holdStatement("commit_moves_");
});

describe("after the commit: it is found to have happened, once, with the answer that was lost", () => {
  test.each([
    ["P7, P8: committed, and the sidecar not told", "plain"],
    ["P9: the same with an effect to deliver", "after"],
  ])("%s", async (_, chainType) => {
    const chain = await replicas.makeChain(chainType);
    const committed = replicas.wire.holdAnswerTo("commit_moves_");
    const call = executeAtFirst(chain);
    await committed;
    await replicas.first.kill();
    await call;
    expect(await versionOf(chain)).toBe(1n);
    const again = await executeAtSecond(chain);
    expect(again).toMatchObject({
      outcome: Outcome.TRANSITIONED,
      chain: { version: 1n },
      event: { requestId: "once", requestedBy: "me" },
    });
    expect(await executeAtSecond(chain)).toEqual(again);
    expect(await historyOf(chain)).toEqual([ChainEventKind.TRANSITIONED]);
    const { rows } = await replicas.database.query(
      "select version::int from dispatcher.outbox_message where chain_id = $1",
      [chain.id],
    );
    expect(rows).toEqual(chainType === "after" ? [{ version: 1 }] : []);
  });

  test("P7: the acknowledgement of the commit is lost, and the sidecar lives: it finds its own success", async () => {
    const chain = await replicas.makeChain();
    replicas.wire.cutAnswerTo("commit_moves_");
    const answer = await replicas.on.first.dispatcher.execute(request(chain));
    expect(replicas.wire.cuts()).toBe(1);
    expect(answer).toMatchObject({ outcome: Outcome.TRANSITIONED, chain: { version: 1n } });
    expect(await historyOf(chain)).toEqual([ChainEventKind.TRANSITIONED]);
  });
});

test("P15: a holder that is paused past its claim's end cannot commit when it wakes up", async () => {
  const chain = await replicas.makeChain("before");
  replicas.react(() => ({ kind: "hang" }));
  const call = replicas.on.first.dispatcher.execute(request(chain));
  const late = expectRefusal(call, Code.Aborted, "CLAIM_EXPIRED");
  await expect.poll(() => callsOf(chain)).toHaveLength(1);
  replicas.pause(replicas.first);
  await replicas.expire(chain);
  replicas.react(() => ({ kind: "done" }));
  const answer = await replicas.on.second.dispatcher.execute({ chain: chain.ref });
  expect(answer).toMatchObject({ outcome: Outcome.TRANSITIONED, chain: { version: 1n } });
  replicas.wake(replicas.first);
  replicas.receiver.release();
  await late;
  expect(await versionOf(chain)).toBe(1n);
  expect(await historyOf(chain)).toEqual([ChainEventKind.CLAIM_EXPIRED, ChainEventKind.TRANSITIONED]);
});

test("P14: a registration that is half written when its sidecar dies is not there at all, on any replica", async () => {
  const chainType = journey("after", { name: "more", finalState: "gone" });
  const half = replicas.wire.holdStatement("commit");
  const call = replicas.on.first.registry.registerChainType({ chainType }).catch(() => undefined);
  await half;
  await replicas.first.kill();
  await call;
  const { revision } = await replicas.on.second.registry.getChainType({ name: "after" });
  expect(revision).toMatchObject({ revision: 1n });
  const { current } = await replicas.on.second.registry.registerChainType({ chainType });
  expect(current).toMatchObject({ revision: 2n });
});

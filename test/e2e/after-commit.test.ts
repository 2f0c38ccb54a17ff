import { Code } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CallbackMode } from "../../gen/ts/dispatcher/v1/chain_type_pb.ts";
import { DeliveryState } from "../../gen/ts/dispatcher/v1/delivery_pb.ts";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import {
  type CallbackHost,
  type React,
  startGrpcCallback,
  startHttpCallback,
} from "../support/callback-host.ts";
import { expectRefusal } from "../support/client.ts";
import { byKey, type JudgedShop, keyOf, openJudgedShop, valid } from "../support/judged-shop.ts";

let shop: JudgedShop;
let react: React = () => ({ kind: "done" });
const hosts: CallbackHost[] = [];
const answers = { one: { ...valid, context: { mail: "a@b" } }, back: valid, end: valid };
beforeAll(async () => {
  shop = await openJudgedShop();
  shop.answer(answers);
  hosts.push(
    await startGrpcCallback((call) => react(call)),
    await startHttpCallback((call) => react(call), { path: "/mail" }),
  );
});
afterEach(() => {
  react = () => ({ kind: "done" });
  for (const host of hosts) host.release();
});
afterAll(async () => {
  await Promise.all(hosts.map((host) => host.stop()));
  await shop.end();
});

const dispatcher = () => shop.over.gRPC.dispatcher;
const operations = () => shop.over.gRPC.operations;

describe.each([
  ["gRPC", 0],
  ["HTTP", 1],
])("a callback after the commit, over %s", (kind, index) => {
  const host = () => hosts[index] as CallbackHost;
  const type = `told over ${kind}`;
  beforeAll(async () => {
    await shop.over.gRPC.registry.registerChainType({
      chainType: {
        name: type,
        transitions: [
          { name: "one", finalState: "middle" },
          { name: "back", finalState: "new" },
          { name: "end", finalState: "done" },
        ],
        states: [
          { name: "new", transitions: ["one", "end"] },
          { name: "middle", transitions: ["back"] },
        ],
        validator: { url: shop.host.url },
        callback: { endpoint: { url: host().url }, mode: CallbackMode.AFTER_COMMIT },
      },
    });
  });

  async function makeChain() {
    const key = keyOf(type);
    const { chain } = await dispatcher().getOrCreateChain({ key });
    return { ref: byKey(key), id: chain?.id ?? "" };
  }
  const callsOf = (id: string) => host().calls.filter(({ request }) => request.chain?.id === id);
  const deliveriesOf = async (id: string) => (await operations().listDeliveries({ chainId: id })).deliveries;
  const statesOf = async (id: string) => (await deliveriesOf(id)).map(({ state }) => state);

  test("is told what happened, soon after its move", async () => {
    const { ref, id } = await makeChain();
    const answer = await dispatcher().execute({ chain: ref, requestedBy: "me", callbackContext: { n: 1 } });
    expect(answer).toMatchObject({ outcome: Outcome.TRANSITIONED, chain: { version: 1n } });
    await expect.poll(() => statesOf(id)).toEqual([DeliveryState.DELIVERED]);
    const [delivery] = await deliveriesOf(id);
    expect(delivery).toMatchObject({ version: 1n, attempts: 1, lastError: "", endpoint: host().url });
    const [call, ...more] = callsOf(id);
    expect(more).toEqual([]);
    expect(call?.request).toMatchObject({
      deliveryId: delivery?.deliveryId,
      fencingToken: 1n,
      chain: { id, chainType: type, state: "new", version: 0n },
      transition: { name: "one", fromState: "new", finalState: "middle", context: { mail: "a@b" } },
      callbackContext: { n: 1 },
      requestedBy: "me",
    });
  });

  test("is told of the moves of a chain in their order, and of the next only when one is done", async () => {
    const { ref, id } = await makeChain();
    react = ({ request }) =>
      request.chain?.version === 0n && callsOf(id).length < 3
        ? { kind: "error", message: "mailbox full" }
        : { kind: "done" };
    for (let at = 0; at < 4; at += 1) await dispatcher().execute({ chain: ref });
    await expect.poll(() => statesOf(id)).toEqual(Array(4).fill(DeliveryState.DELIVERED));
    const calls = callsOf(id);
    expect(calls.map(({ request }) => Number(request.chain?.version))).toEqual([0, 0, 0, 1, 2, 3]);
    expect(calls.map(({ request }) => Number(request.fencingToken))).toEqual([1, 1, 1, 2, 3, 4]);
    expect(calls[1]?.bytes).toEqual(calls[0]?.bytes);
    expect(calls[2]?.bytes).toEqual(calls[0]?.bytes);
    expect(new Set(calls.map(({ request }) => request.deliveryId)).size).toBe(4);
    const [first] = await deliveriesOf(id);
    expect(first).toMatchObject({ attempts: 3, lastError: expect.stringContaining("mailbox full") });
  });

  test("hears nothing of a dry run, of a move to done, and nothing twice of a repeated request", async () => {
    const { ref, id } = await makeChain();
    await dispatcher().execute({ chain: ref, dryRun: true });
    for (let at = 0; at < 2; at += 1) await dispatcher().execute({ chain: ref, requestId: "r" });
    await dispatcher().execute({ chain: ref });
    shop.answer({ end: valid });
    const { chain } = await dispatcher().execute({ chain: ref });
    shop.answer(answers);
    expect(chain).toMatchObject({ state: "done", version: 3n });
    await expect.poll(() => statesOf(id)).toEqual(Array(2).fill(DeliveryState.DELIVERED));
    expect(callsOf(id)).toHaveLength(2);
  });

  test("is told of what a caller did under its claim, when that is completed", async () => {
    const { ref, id } = await makeChain();
    const { claim } = await dispatcher().execute({ chain: ref, claim: true, requestedBy: "me" });
    expect(await deliveriesOf(id)).toEqual([]);
    await dispatcher().completeTransition({ token: claim?.token ?? "" });
    await expect.poll(() => statesOf(id)).toEqual([DeliveryState.DELIVERED]);
    const [call] = callsOf(id);
    expect(call?.request).toMatchObject({ requestedBy: "me", transition: { name: "one" } });
    expect(call?.request.fencingToken).toBeGreaterThan(claim?.fencingToken ?? 0n);
  });

  test("keeps its chain from being deleted while it is to be told, unless forced: then it is told all the same", async () => {
    const { ref, id } = await makeChain();
    react = () => ({ kind: "hang" });
    await dispatcher().execute({ chain: ref });
    await expect.poll(() => callsOf(id)).toHaveLength(1);
    await expectRefusal(
      dispatcher().deleteChain({ chain: ref }),
      Code.FailedPrecondition,
      "DELIVERY_PENDING",
    );
    await dispatcher().deleteChain({ chain: ref, force: true });
    host().release();
    await expect.poll(() => statesOf(id)).toEqual([DeliveryState.DELIVERED]);
    expect(callsOf(id)).toHaveLength(1);
  });

  test("that was given up is told when an operator says so", async () => {
    const { ref, id } = await makeChain();
    react = ({ request }) =>
      request.chain?.version === 0n ? { kind: "error", message: "no such order" } : { kind: "done" };
    await dispatcher().execute({ chain: ref });
    await shop.database.query(
      "update dispatcher.outbox_message set create_time = create_time - interval '3 days' where chain_id = $1",
      [id],
    );
    await dispatcher().execute({ chain: ref });
    await expect.poll(() => statesOf(id)).toEqual([DeliveryState.DEAD, DeliveryState.DELIVERED]);
    const [dead] = await deliveriesOf(id);
    react = () => ({ kind: "done" });
    await operations().redriveDelivery({ deliveryId: dead?.deliveryId ?? "" });
    await expect.poll(() => statesOf(id)).toEqual(Array(2).fill(DeliveryState.DELIVERED));
    const told = callsOf(id).filter(({ request }) => request.deliveryId === dead?.deliveryId);
    expect(told.length).toBeGreaterThan(1);
    expect(new Set(told.map(({ bytes }) => bytes.toString("base64"))).size).toBe(1);
  });
});

test("the attempts show in the metrics", async () => {
  const text = await (await fetch(`http://${shop.operations}/metrics`)).text();
  expect(text).toMatch(/^dispatcher_delivery_attempts_total\{result="delivered"\} [1-9]/m);
  expect(text).toMatch(/^dispatcher_delivery_attempts_total\{result="failed"\} [1-9]/m);
});

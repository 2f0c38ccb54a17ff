import { randomUUID } from "node:crypto";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DeliveryState } from "../../gen/ts/dispatcher/v1/delivery_pb.ts";
import { expectRefusal } from "../support/client.ts";
import { listeners, type Served, serve } from "../support/served.ts";

let served: Served;
beforeAll(async () => {
  served = await serve();
});
afterAll(() => served?.end());

/** Messages of a chain that has gone since, which nobody can deliver: versions 1 to 5, all dead but the last. */
async function makeDeliveries(): Promise<string> {
  const chainId = randomUUID();
  await served.database.query(
    `insert into dispatcher.outbox_message (chain_id, version, chain_type, transition, fencing_token, body, state,
       attempts, next_attempt_time, last_error, endpoint, create_time)
     select $1, v, 'order', 'ship', v, '', case when v < 5 then 'DEAD' else 'PENDING' end, 9,
       case when v = 5 then '2030-01-02 03:04:05.678+00'::timestamptz end, 'no', 'http://app.example/done',
       '2026-01-01 00:00:00+00'::timestamptz + v * interval '1 microsecond'
     from generate_series(1, 5) v`,
    [chainId],
  );
  return chainId;
}

describe.each(listeners)("deliveries over %s", (listener) => {
  test("are listed page by page, oldest first", async () => {
    const { operations } = served.over[listener];
    const chainId = await makeDeliveries();
    const versions: number[] = [];
    let pageToken = "";
    do {
      const page = await operations.listDeliveries({ chainId, pageSize: 2, pageToken });
      versions.push(...page.deliveries.map(({ version }) => Number(version)));
      pageToken = page.nextPageToken;
    } while (pageToken);
    expect(versions).toEqual([1, 2, 3, 4, 5]);

    const { deliveries } = await operations.listDeliveries({ chainId, state: DeliveryState.PENDING });
    expect(deliveries).toHaveLength(1);
    const [pending] = deliveries;
    expect(pending).toMatchObject({
      deliveryId: `${chainId}:5:ship`,
      chainId,
      chainType: "order",
      transition: "ship",
      version: 5n,
      state: DeliveryState.PENDING,
      attempts: 9,
      lastError: "no",
      endpoint: "http://app.example/done",
    });
    const next = pending?.nextAttemptTime && timestampDate(pending.nextAttemptTime);
    expect(next?.toISOString()).toBe("2030-01-02T03:04:05.678Z");
  });

  test("of all chains are walked through in every state", async () => {
    const { operations } = served.over[listener];
    const chainId = await makeDeliveries();
    for (const state of [DeliveryState.UNSPECIFIED, DeliveryState.DEAD]) {
      const found: string[] = [];
      let pageToken = "";
      do {
        const page = await operations.listDeliveries({ state, pageSize: 3, pageToken });
        found.push(...page.deliveries.map(({ deliveryId }) => deliveryId));
        pageToken = page.nextPageToken;
      } while (pageToken);
      expect(new Set(found).size).toBe(found.length);
      const ours = found.filter((id) => id.startsWith(chainId));
      expect(ours).toHaveLength(state === DeliveryState.DEAD ? 4 : 5);
    }
  });

  test("that are dead can be re-driven; others are left as they are", async () => {
    const { operations } = served.over[listener];
    const chainId = await makeDeliveries();
    const redriven = await operations.redriveDelivery({ deliveryId: `${chainId}:2:ship` });
    expect(redriven.delivery).toMatchObject({ state: DeliveryState.PENDING, attempts: 0, version: 2n });
    expect(redriven.delivery?.nextAttemptTime).toBeDefined();
    const again = await operations.redriveDelivery({ deliveryId: `${chainId}:2:ship` });
    expect(again.delivery).toEqual(redriven.delivery);
    const pending = await operations.redriveDelivery({ deliveryId: `${chainId}:5:ship` });
    expect(pending.delivery).toMatchObject({ attempts: 9, state: DeliveryState.PENDING });
    // It waits for the one before it now.
    expect(pending.delivery?.nextAttemptTime).toBeUndefined();
    const { deliveries } = await operations.listDeliveries({ chainId, state: DeliveryState.DEAD });
    expect(deliveries.map(({ version }) => version)).toEqual([1n, 3n, 4n]);
  });

  test.each([
    ["nothing", "nothing"],
    ["a name that cannot be", (chainId: string) => `${chainId}:1:%00`],
    ["no text", (chainId: string) => `${chainId}:1:%ff`],
    ["another transition", (chainId: string) => `${chainId}:1:pay`],
    ["another version", (chainId: string) => `${chainId}:9:ship`],
    ["another chain", () => `${randomUUID()}:1:ship`],
  ])("are not found under an id of %s", async (_, id) => {
    const deliveryId = typeof id === "string" ? id : id(await makeDeliveries());
    const { operations } = served.over[listener];
    await expectRefusal(operations.redriveDelivery({ deliveryId }), Code.NotFound, "DELIVERY_NOT_FOUND");
  });

  test("page tokens of other lists, other filters and nobody are refused", async () => {
    const { operations } = served.over[listener];
    const chainId = await makeDeliveries();
    const { nextPageToken } = await operations.listDeliveries({ chainId, pageSize: 1 });
    for (const request of [
      { pageToken: nextPageToken },
      { chainId, state: DeliveryState.DEAD, pageToken: nextPageToken },
      { chainId, pageToken: `${nextPageToken}x` },
      { chainId, pageToken: "forged" },
    ]) {
      const call = operations.listDeliveries(request);
      await expectRefusal(call, Code.InvalidArgument, "INVALID_PAGE_TOKEN");
    }
  });
});

test("the outbox shows in the metrics", async () => {
  const metrics = async () => (await fetch(`http://${served.operations}/metrics`)).text();
  await expect.poll(metrics).toMatch(/^dispatcher_deliveries\{state="pending"\} \d+$/m);
  expect(await metrics()).toMatch(/^dispatcher_deliveries\{state="dead"\} \d+$/m);
  expect(await metrics()).toMatch(/^dispatcher_oldest_delivery_age_seconds\{state="pending"\} \d/m);
});

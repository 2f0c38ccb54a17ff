import { Code } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expectRefusal } from "../support/client.ts";
import { listeners, type Served, serve } from "../support/served.ts";
import { definition, key, ref, rows } from "./bad-input-rows.ts";

/** What a caller may get wrong in the fields of a well-formed message: a code, a reason, and no trace of it anywhere. */

let served: Served;
let before: unknown;

beforeAll(async () => {
  served = await serve();
  await served.over.gRPC.registry.registerChainType({ chainType: definition });
  await served.over.gRPC.dispatcher.getOrCreateChain({ key });
});
afterAll(() => served.end());

async function everything(): Promise<unknown> {
  const { rows } = await served.database.query(
    `select (select json_agg(c) from dispatcher.chain c) as chains, (select json_agg(to_jsonb(e) - 'position') from dispatcher.chain_event e) as events,
       (select json_agg(to_jsonb(t) - 'upkeep_revision') from dispatcher.chain_type t) as types, (select json_agg(v) from dispatcher.validator_endpoint v) as validators`,
  );
  return rows;
}
beforeEach(async () => {
  before = await everything();
});
afterEach(async () => {
  expect(await everything()).toEqual(before);
  for (const { dispatcher } of Object.values(served.over))
    expect((await dispatcher.getChain({ chain: ref })).chain?.version).toBe(0n);
});

test("a time outside the years 1 to 9999, which JSON cannot even write", async () => {
  const update = {
    chain: ref,
    updateMask: { paths: ["next_update_time"] },
    nextUpdateTime: { seconds: -62135596801n },
  };
  await expectRefusal(
    served.over.gRPC.dispatcher.updateChain(update),
    Code.InvalidArgument,
    "INVALID_REQUEST",
  );
});

describe.each(listeners)("over %s", (listener) => {
  test.each(rows)("%s", async (_, call, code, reason) => {
    const error = await expectRefusal(call(served.over[listener]), code, reason);
    expect(error.rawMessage).not.toMatch(/at file:|\.ts:\d|node_modules|select |insert /);
  });

  test("12, 13, 101: what looks dangerous is only text", async () => {
    const { dispatcher } = served.over[listener];
    const texts = [
      "a|b",
      "'; drop table dispatcher.chain;--",
      "../..%2e%2e",
      "%",
      "_",
      "$1",
      '"',
      "\\",
      "🤷‍♂️",
      " x ",
    ];
    for (const text of texts) {
      const named = { chainType: "order", resources: [{ resourceType: text, resourceId: text }] };
      const first = await dispatcher.getOrCreateChain({ key: named });
      const again = await dispatcher.getOrCreateChain({
        key: { ...named, resources: [...named.resources, ...named.resources] },
      });
      expect([first.created, again.created, again.chain?.id]).toEqual([true, false, first.chain?.id]);
      expect(first.chain?.resources).toMatchObject([{ resourceType: text, resourceId: text }]);
      const listed = await dispatcher.listChains({
        filter: { resource: { resourceType: text, resourceId: text } },
      });
      expect(listed.chains.map(({ id }) => id)).toEqual([first.chain?.id]);
      await dispatcher.deleteChain({ chain: { value: { case: "id", value: first.chain?.id ?? "" } } });
    }
    before = await everything();
  });
});

import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Attempt } from "../../src/domain/attempt.ts";
import type { Chain } from "../../src/domain/chain.ts";
import { AttemptKeeper } from "../../src/engine/attempt-keeper.ts";
import { keepAttempts, readAttempt } from "../../src/store/attempts.ts";
import { createChainStore } from "../../src/store/chain-store.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { readChains } from "../../src/store/read-chains.ts";
import { makeChain, openMigratedDatabase } from "../support/store.ts";
import { startWireProxy, type WireProxy } from "../support/wire-proxy.ts";

let direct: Database & { url: string };
let proxy: WireProxy;
let database: Database;
beforeAll(async () => {
  direct = await openMigratedDatabase();
  proxy = await startWireProxy(direct.url);
  database = await openDatabase({ url: proxy.url, schema: "dispatcher", poolSize: 2, direct: false });
});
afterAll(async () => {
  await database.close();
  proxy.close();
  await direct.close();
});

const hold = { transition: "pay", notBefore: new Date("2100-01-01T00:00:00Z"), errors: ["not yet"] };

function attemptOn(chain: Chain, seconds: number, change: Partial<Attempt> = {}): Attempt {
  return {
    chainId: chain.id,
    version: chain.version,
    revision: 1,
    result: { outcome: "NO_VALID_TRANSITION" },
    requestedBy: `at ${seconds}`,
    requestId: "",
    attemptId: uuidv7(),
    evaluations: [{ transition: "pay", verdict: "INVALID", errors: [`at ${seconds}`], held: false }],
    holds: [],
    noValidCount: 1,
    errorCount: 0,
    time: new Date(Date.UTC(2030, 0, 1, 0, 0, seconds)),
    ...change,
  };
}

async function kept({ id }: Chain) {
  const [reading] = await readChains(direct, [{ ref: { id }, requestId: "" }]);
  return { by: (await readAttempt(direct, id))?.requestedBy, holds: reading?.attempted?.holds };
}

describe("what one sidecar writes behind", () => {
  test("does not take the place of what another wrote of a later attempt", async () => {
    const chain = await makeChain(direct);
    await keepAttempts(direct, [attemptOn(chain, 2, { holds: [hold] })], "at once");
    await keepAttempts(direct, [attemptOn(chain, 1)], "behind");
    expect(await kept(chain)).toEqual({ by: "at 2", holds: [hold] });
  });

  test("is the last attempt if it was the last, and leaves the holds as they are", async () => {
    const chain = await makeChain(direct);
    await keepAttempts(direct, [attemptOn(chain, 1, { holds: [hold] })], "at once");
    await keepAttempts(direct, [attemptOn(chain, 2)], "behind");
    expect(await kept(chain)).toEqual({ by: "at 2", holds: [hold] });
  });

  test("is not written if it is of another version, or the same again", async () => {
    const chain = await makeChain(direct);
    await keepAttempts(direct, [attemptOn(chain, 1, { version: 7 })], "behind");
    expect((await kept(chain)).by).toBeUndefined();
    await keepAttempts(direct, [attemptOn(chain, 2)], "behind");
    const { evaluations } = attemptOn(chain, 2);
    await keepAttempts(direct, [attemptOn(chain, 3, { evaluations })], "behind");
    expect((await kept(chain)).by).toBe("at 2");
  });
});

test("a new hold is kept although the first answer is lost", async () => {
  const chain = await makeChain(direct);
  const keeper = new AttemptKeeper(createChainStore(database, 128), () => undefined);
  const cuts = proxy.cuts();
  proxy.cutAnswerTo("keep_attempts_at_once");
  await keeper.keepNow(attemptOn(chain, 1, { holds: [hold] }));
  expect(proxy.cuts()).toBe(cuts + 1);
  expect(await kept(chain)).toEqual({ by: "at 1", holds: [hold] });
});

test("flush waits for what is being written already", async () => {
  const chain = await makeChain(direct);
  const keeper = new AttemptKeeper(createChainStore(direct, 128), () => undefined);
  keeper.keepSoon(attemptOn(chain, 1));
  void keeper.flush();
  await keeper.flush();
  expect((await kept(chain)).by).toBe("at 1");
});

describe("the wake-up that goes with an attempt", () => {
  const wakeTime = new Date("2100-01-01T00:00:00Z");
  const later = new Date("2101-01-01T00:00:00Z");
  const wakeOf = async ({ id }: Chain) =>
    (
      await direct.read<{ wake_time: Date | null }>("select wake_time from dispatcher.chain where id = $1", [
        id,
      ])
    )[0]?.wake_time;

  test.each([
    ["is set", "version = version", wakeTime],
    ["comes no sooner than the chain is due by now", "next_update_time = '2101-01-01Z'", later],
    [
      "comes no sooner than a claim ends",
      "claim_id = gen_random_uuid(), claim_expiry = '2101-01-01Z'",
      later,
    ],
    ["is not for a chain that was disabled", "disabled = true", null],
    ["is not for a chain that has moved", "version = 1", null],
  ])("%s", async (_, change, expected) => {
    const chain = await makeChain(direct);
    await direct.query(`update dispatcher.chain set ${change} where id = $1`, [chain.id]);
    await keepAttempts(direct, [attemptOn(chain, 1, { wakeTime })], "at once");
    expect(await wakeOf(chain)).toEqual(expected);
  });
});

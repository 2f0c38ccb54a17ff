import { Code } from "@connectrpc/connect";
import pLimit from "p-limit";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { type Clients, expectRefusal, reasonOf } from "../support/client.ts";
import { checkInvariants } from "../support/invariants.ts";
import { byId, makeParcels, movesOf, parcelType, stateOf } from "../support/parcels.ts";
import { startTwoSidecars, type TwoSidecars, unique } from "../support/two-sidecars.ts";
import { startGrpcValidator } from "../support/validator-host.ts";

const CHAINS = 2_000;
const CALLERS = 32;

let started: TwoSidecars;
let one: Clients;
let two: Clients;
beforeAll(async () => {
  started = await startTwoSidecars();
  ({ one, two } = started);
});
afterAll(() => started.end());

/** Executes until the chain has moved, as a client does that retries what it may. */
async function executeOnce({ dispatcher }: Clients, id: string): Promise<Outcome> {
  for (;;) {
    try {
      return (await dispatcher.execute({ chain: byId(id) })).outcome;
    } catch (error) {
      // Judged as the former revision had it, while the chain was taken out of the state.
      if (reasonOf(error) !== "CONCURRENT_TRANSITION") throw error;
    }
  }
}

test("thousands of chains are migrated while they are executed: each once, and nobody is refused", async () => {
  const name = unique("parcel");
  await one.registry.registerChainType({ chainType: parcelType(name, started.host.url) });
  const ids: string[] = [];
  for (let made = 0; made < CHAINS; made += 250) ids.push(...(await makeParcels(one, name, 250, 1)));

  // From the last: batches begin with the first.
  const limit = pLimit(CALLERS);
  const executed = ids
    .toReversed()
    .slice(0, CHAINS / 2)
    .map((id, index) => limit(() => executeOnce(index % 2 ? one : two, id)));
  const { removedStates } = await two.registry.registerChainType({
    chainType: parcelType(name, started.host.url, { sent: "posted", replaced: { sent: "posted" } }),
  });
  expect(removedStates).toMatchObject([{ state: "sent", replacedBy: "posted" }]);
  expect(new Set(await Promise.all(executed))).toEqual(new Set([Outcome.TRANSITIONED]));

  await expect
    .poll(async () => {
      const filter = { chainType: name, state: "sent" };
      return (await one.dispatcher.listChains({ filter, pageSize: 1 })).chains;
    })
    .toEqual([]);
  const histories = await Promise.all(ids.map((id) => limit(() => movesOf(two, id))));
  const kinds = Map.groupBy(histories, (moves) => moves.slice(1).join(", "));
  const migrated = "MIGRATED sent -> posted @2";
  expect([...kinds.keys()].filter((moves) => !moves.includes(migrated))).toEqual(
    // Those that had moved on before it was registered.
    [...kinds.keys()].filter((moves) => moves === "TRANSITIONED sent -> arrived @1"),
  );
  expect(kinds.get(migrated)).toHaveLength(CHAINS / 2);
  expect(kinds.get(`${migrated}, TRANSITIONED posted -> arrived @2`)?.length).toBeGreaterThan(CHAINS / 10);
  expect(kinds.size).toBeLessThanOrEqual(3);
  await checkInvariants(started.databaseUrl, []);
});

describe("a step that was decided under the former revision", () => {
  /** An application that answers when it is told to, to the one question of a test. */
  async function slowParcel() {
    let answer: () => void = () => undefined;
    const host = await startGrpcValidator(async () => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return { verdict: Verdict.VALID };
    });
    onTestFinished(() => host.stop());
    const name = unique("parcel");
    await one.registry.registerChainType({ chainType: parcelType(name, host.url) });
    const [id = ""] = await makeParcels(one, name, 1, 0);
    const deciding = one.dispatcher.execute({ chain: byId(id), requestId: "step" });
    deciding.catch(() => undefined);
    await expect.poll(() => host.calls.length).toBe(1);
    return { name, id, host, deciding, answer: () => answer() };
  }

  test("is made if the new one maps its final state, and the chain goes on from there", async () => {
    const { name, id, host, deciding, answer } = await slowParcel();
    const chainType = parcelType(name, host.url, { sent: "posted", replaced: { sent: "posted" } });
    await two.registry.registerChainType({ chainType });
    await expect.poll(async () => (await one.registry.getChainType({ name })).currentRevision).toBe(2n);
    answer();
    expect(await deciding).toMatchObject({
      outcome: Outcome.TRANSITIONED,
      chain: { state: "sent", version: 1n, final: false },
    });
    await expect.poll(() => stateOf(two, id)).toBe("posted");
    expect(await movesOf(two, id)).toEqual(["TRANSITIONED new -> sent @1", "MIGRATED sent -> posted @2"]);
    // What was answered is answered again.
    expect(await one.dispatcher.execute({ chain: byId(id), requestId: "step" })).toMatchObject({
      chain: { state: "sent", version: 1n },
    });
  });

  test("is not made if the new one neither has nor maps its final state", async () => {
    const { name, id, host, deciding, answer } = await slowParcel();
    await two.registry.registerChainType({ chainType: parcelType(name, host.url, { sent: "posted" }) });
    answer();
    const error = await expectRefusal(deciding, Code.Aborted, "REVISION_CHANGED");
    expect(error.rawMessage).toContain("Revision 2 of");
    expect(await stateOf(one, id)).toBe("new");
    await expect
      .poll(async () => (await one.dispatcher.getChain({ chain: byId(id) })).lastAttempt?.reason)
      .toBe("REVISION_CHANGED");
    const again = one.dispatcher.execute({ chain: byId(id), requestId: "step" });
    await expect.poll(() => host.calls.length).toBe(2);
    answer();
    expect((await again).chain?.state).toBe("posted");
  });
});

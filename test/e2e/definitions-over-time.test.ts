import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { type Clients, expectRefusal } from "../support/client.ts";
import { byId, makeParcels, movesOf, type ParcelStates, parcelType, stateOf } from "../support/parcels.ts";
import { startSidecar } from "../support/sidecar.ts";
import { startTwoSidecars, type TwoSidecars, unique } from "../support/two-sidecars.ts";

let started: TwoSidecars;
let one: Clients;
let two: Clients;
beforeAll(async () => {
  started = await startTwoSidecars();
  ({ one, two } = started);
});
afterAll(() => started.end());

const parcel = (name: string, states: ParcelStates = {}) => parcelType(name, started.host.url, states);
const posted = { sent: "posted", replaced: { sent: "posted" } };

/** A type of its own at its first revision, with chains in `sent`. */
async function sentParcels(count: number): Promise<{ name: string; ids: string[]; id: string }> {
  const name = unique("parcel");
  await one.registry.registerChainType({ chainType: parcel(name) });
  const ids = await makeParcels(one, name, count, 1);
  return { name, ids, id: ids[0] ?? "" };
}

const currentOf = async (name: string, { registry } = one) =>
  Number((await registry.getChainType({ name })).currentRevision);

describe("a state that a new revision maps", () => {
  test("is in the plan, and its chains go to the one that replaces it, without anybody touching them", async () => {
    const { name, ids } = await sentParcels(3);
    const chainType = parcel(name, posted);

    const plan = await two.registry.registerChainType({ chainType, validateOnly: true });
    expect(plan).toMatchObject({ created: true, current: { revision: 0n } });
    expect(plan.removedStates).toMatchObject([{ state: "sent", chains: 3n, replacedBy: "posted" }]);
    expect(await currentOf(name)).toBe(1);

    const registered = await two.registry.registerChainType({ chainType });
    expect(registered).toMatchObject({ created: true, current: { revision: 2n } });
    expect(registered.removedStates).toEqual(plan.removedStates);
    for (const id of ids) {
      await expect.poll(() => stateOf(one, id)).toBe("posted");
      expect(await movesOf(one, id)).toEqual(["TRANSITIONED new -> sent @1", "MIGRATED sent -> posted @2"]);
    }
  });

  test("does not help for one that it does not map: refused with the count", async () => {
    const { name, ids } = await sentParcels(2);
    await one.dispatcher.execute({ chain: byId(ids[1] ?? "") });
    const chainType = parcel(name, { ...posted, arrived: "here" });
    const planned = await one.registry.registerChainType({ chainType, validateOnly: true });
    expect(planned.removedStates).toMatchObject([
      { state: "sent", chains: 1n, replacedBy: "posted" },
      { state: "arrived", chains: 1n, replacedBy: "" },
    ]);
    const error = await expectRefusal(
      one.registry.registerChainType({ chainType }),
      Code.FailedPrecondition,
      "STATES_IN_USE",
    );
    expect(error.rawMessage).toContain('"arrived" (1 chains)');
    expect(error.rawMessage).not.toContain('"sent"');
    expect(await currentOf(name)).toBe(1);
  });

  test("stays mapped when later revisions do not mention it; a chain that was claimed meanwhile goes last", async () => {
    const { name, id } = await sentParcels(1);
    const { claim } = await one.dispatcher.execute({ chain: byId(id), claim: true });
    const [free = ""] = await makeParcels(one, name, 1, 1);
    await one.registry.registerChainType({ chainType: parcel(name, posted) });
    const { removedStates } = await one.registry.registerChainType({
      chainType: parcel(name, { sent: "posted", arrived: "here", replaced: { arrived: "here" } }),
    });
    expect(removedStates).toMatchObject([
      { state: "arrived", chains: 0n, replacedBy: "here" },
      { state: "sent", replacedBy: "posted" },
    ]);
    await expect.poll(() => stateOf(one, free)).toBe("posted");
    // Who decided there finishes there; everybody else is told to wait, whoever they ask.
    for (const { dispatcher } of [one, two]) {
      await expectRefusal(dispatcher.execute({ chain: byId(id) }), Code.Aborted, "CLAIMED");
    }
    expect(await stateOf(two, id)).toBe("sent");
    const completed = await two.dispatcher.completeTransition({ token: claim?.token ?? "" });
    expect(completed.chain).toMatchObject({ state: "arrived", final: false });
    await expect.poll(() => stateOf(one, id)).toBe("here");
    expect(await movesOf(one, id)).toEqual([
      "TRANSITIONED new -> sent @1",
      "TRANSITIONED sent -> arrived @1",
      "MIGRATED arrived -> here @3",
    ]);
  });

  test("is left by a chain whose claim is given up", async () => {
    const { name, id } = await sentParcels(1);
    const { claim } = await one.dispatcher.execute({ chain: byId(id), claim: true });
    await one.registry.registerChainType({ chainType: parcel(name, posted) });
    await expect.poll(() => currentOf(name, two)).toBe(2);
    await two.dispatcher.abandonTransition({ token: claim?.token ?? "" });
    expect((await two.dispatcher.execute({ chain: byId(id) })).outcome).toBe(Outcome.TRANSITIONED);
    expect(await movesOf(one, id)).toEqual([
      "TRANSITIONED new -> sent @1",
      "MIGRATED sent -> posted @2",
      "TRANSITIONED posted -> arrived @2",
    ]);
  });

  test("takes a disabled chain with it, and is no state to set", async () => {
    const { name, id } = await sentParcels(1);
    const chain = byId(id);
    await one.dispatcher.updateChain({ chain, disabled: true, updateMask: { paths: ["disabled"] } });
    await one.registry.registerChainType({ chainType: parcel(name, posted) });
    await expect.poll(() => stateOf(one, id)).toBe("posted");
    await expectRefusal(one.dispatcher.execute({ chain }), Code.FailedPrecondition, "CHAIN_DISABLED");
    const error = await expectRefusal(
      one.dispatcher.setChainState({ chain, state: "sent" }),
      Code.NotFound,
      "STATE_NOT_FOUND",
    );
    expect(error.rawMessage).toContain('was replaced by "posted"');
  });
});

describe("going back", () => {
  test("makes the older revision current, undoes the renaming, and is told to every sidecar", async () => {
    const { name, ids } = await sentParcels(2);
    const chainType = parcel(name);
    await one.registry.registerChainType({ chainType: parcel(name, posted) });
    for (const id of ids) await expect.poll(() => stateOf(one, id)).toBe("posted");

    // A pod of the older version that restarts does not go back.
    expect(await two.registry.registerChainType({ chainType })).toMatchObject({
      created: false,
      current: { revision: 2n },
      removedStates: [],
    });
    const request = { chainType, makeCurrent: true };
    const plan = await two.registry.registerChainType({ ...request, validateOnly: true });
    expect(plan).toMatchObject({ created: false, current: { revision: 1n } });
    expect(plan.removedStates).toMatchObject([{ state: "posted", chains: 2n, replacedBy: "sent" }]);
    expect(await currentOf(name)).toBe(2);

    const back = await two.registry.registerChainType(request);
    expect(back).toMatchObject({ created: false, current: { revision: 1n } });
    await expect.poll(() => currentOf(name), { timeout: 1_000 }).toBe(1);
    for (const id of ids) {
      await expect.poll(() => stateOf(one, id)).toBe("sent");
      expect((await one.dispatcher.execute({ chain: byId(id) })).outcome).toBe(Outcome.TRANSITIONED);
      expect(await movesOf(one, id)).toEqual([
        "TRANSITIONED new -> sent @1",
        "MIGRATED sent -> posted @2",
        "MIGRATED posted -> sent @1",
        "TRANSITIONED sent -> arrived @1",
      ]);
    }
    // Once more is the same, and so is what a pod of the newer version registers at its start.
    expect(await one.registry.registerChainType(request)).toMatchObject({ current: { revision: 1n } });
    expect(await one.registry.registerChainType({ chainType: parcel(name, posted) })).toMatchObject({
      created: false,
      current: { revision: 1n },
    });
  });

  test("is refused with the count where chains stand in a state that did not come by renaming", async () => {
    const { name } = await sentParcels(0);
    const chainType = parcel(name);
    await one.registry.registerChainType({
      chainType: {
        ...chainType,
        transitions: [...chainType.transitions, { name: "lose", finalState: "lost" }],
        states: [{ name: "new", transitions: ["lose", "send"] }, ...chainType.states.slice(1)],
      },
    });
    const [id = ""] = await makeParcels(one, name, 1, 1);
    expect(await stateOf(one, id)).toBe("lost");
    const request = { chainType, makeCurrent: true };
    const plan = await one.registry.registerChainType({ ...request, validateOnly: true });
    expect(plan.removedStates).toMatchObject([{ state: "lost", chains: 1n, replacedBy: "" }]);
    const error = await expectRefusal(
      one.registry.registerChainType(request),
      Code.FailedPrecondition,
      "STATES_IN_USE",
    );
    expect(error.rawMessage).toContain('"lost" (1 chains)');
    expect(await currentOf(name)).toBe(2);
    await one.dispatcher.setChainState({ chain: byId(id), state: "sent" });
    expect(await one.registry.registerChainType(request)).toMatchObject({ current: { revision: 1n } });
  });

  test("to what was never there makes it", async () => {
    const chainType = parcel(unique("parcel"));
    expect(await one.registry.registerChainType({ chainType, makeCurrent: true })).toMatchObject({
      created: true,
      current: { revision: 1n },
    });
  });
});

test("the registry file maps states as the RPC does", async () => {
  const name = unique("parcel");
  const folder = await mkdtemp(join(tmpdir(), "dispatcher-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "types.yaml");
  const write = async (sent: string, more = "") => {
    await writeFile(
      `${path}.new`,
      `chainTypes:
  - name: ${name}
    validator: {url: "${started.host.url}"}
    transitions:
      - {name: send, finalState: ${sent}}
      - {name: sign, finalState: done}
    states:
      - {name: new, transitions: [send]}
      - {name: ${sent}, transitions: [sign]}
${more}`,
    );
    await rename(`${path}.new`, path);
  };
  await write("sent");
  const { databaseUrl } = started;
  const sidecar = await startSidecar({ databaseUrl, env: { DISPATCHER_CONFIG: path } });
  onTestFinished(async () => void (await sidecar.stop()));
  const [id = ""] = await makeParcels(one, name, 1, 1);
  await write("posted", "      - {name: sent, replacedBy: posted}\n");
  await expect.poll(() => stateOf(one, id)).toBe("posted");
  expect(await movesOf(one, id)).toEqual(["TRANSITIONED new -> sent @1", "MIGRATED sent -> posted @2"]);
});

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { type Clients, createClients } from "../support/client.ts";
import { freeAddress } from "../support/free-address.ts";
import { valid } from "../support/judged-shop.ts";
import { executesOf, line, openScheduled, type Scheduled } from "../support/scheduled.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { startGrpcValidator, startHttpValidator, type ValidatorHost } from "../support/validator-host.ts";

const invalid = { verdict: Verdict.INVALID, errors: ["not now"] };
const delay = { seconds: 3600n };
const seconds = (count: number) => ({ seconds: BigInt(count) });

let scheduled: Scheduled;
let sidecar: Sidecar;
let clients: Clients;
let host: ValidatorHost;
beforeAll(async () => {
  scheduled = await openScheduled();
  sidecar = await startSidecar({ databaseUrl: scheduled.databaseUrl });
  clients = createClients(sidecar.grpc);
  host = await startGrpcValidator(() => valid);
});
afterAll(async () => {
  await host.stop();
  await sidecar.stop();
  expect(sidecar.log()).not.toMatch(/"level":"(error|fatal)"/);
  await scheduled.end();
});

const register = (chainType: Parameters<typeof clients.registry.registerChainType>[0]["chainType"]) =>
  clients.registry.registerChainType({ chainType });

/** A host that notes when it was asked, in milliseconds. */
async function startClocked(answer: Parameters<typeof startGrpcValidator>[0]) {
  const times: number[] = [];
  const clocked = await startGrpcValidator((request) => {
    times.push(Date.now());
    return answer(request);
  });
  return { ...clocked, times };
}

/** Gaps between these times, in seconds. */
const gaps = (times: readonly number[]) =>
  times.slice(1).map((time, index) => (time - (times[index] ?? 0)) / 1000);

test("a chain runs through its states without a caller", async () => {
  await register(line("walk", host.url, "packed", "sent", "received", "done"));
  const id = await scheduled.makeChain(clients, "walk");
  const moves = await scheduled.reaches(id, "done");
  expect(moves.map(({ final_state }) => final_state)).toEqual(["packed", "sent", "received", "done"]);
  expect(new Set(moves.map(({ requested_by }) => requested_by))).toEqual(new Set(["scheduler"]));
  expect(await scheduled.wakesIn(id)).toBeNull();
  const asked = host.calls.filter(({ chain }) => chain?.id === id);
  expect(asked).toHaveLength(4);
  expect(asked[0]).toMatchObject({ requestedBy: "scheduler", initialContext: {}, dryRun: false });
  expect(await executesOf(sidecar)).toMatchObject({ TRANSITIONED: expect.any(Number) });
});

test("a new chain is its creator's for the length of the lease, who may go on with it or not", async () => {
  await register(line("fresh", host.url, "done"));
  const id = await scheduled.makeChain(clients, "fresh", { due: false });
  expect(await scheduled.wakesIn(id)).toBeGreaterThan(50);
  const { chain } = await clients.dispatcher.execute({ chain: { value: { case: "id", value: id } } });
  expect(chain?.state).toBe("done");
});

test("a chain waits for its delay and for the time that its validator names, and not much longer", async () => {
  const clocked = await startClocked(({ transition }) => ({
    ...valid,
    ...(transition === "named" && { nextUpdateTime: timestampFromMs(Date.now() + 1_300) }),
  }));
  const waiting = line("waiting", clocked.url, "delayed", "named", "done");
  const short = { seconds: 1n, nanos: 500_000_000 };
  await register({
    ...waiting,
    transitions: waiting.transitions.map((each) =>
      each.name === "delayed" ? { ...each, delay: short } : each,
    ),
  });
  const id = await scheduled.makeChain(clients, "waiting");
  const moves = await scheduled.reaches(id, "done");
  for (const { late } of moves.slice(1)) {
    expect(late).toBeGreaterThanOrEqual(0);
    expect(late).toBeLessThan(1);
  }
  const [afterDelay = 0, afterNamed = 0] = gaps(clocked.times);
  expect(afterDelay).toBeGreaterThanOrEqual(1.5);
  expect(afterNamed).toBeGreaterThanOrEqual(1.3);
  await clocked.stop();
});

describe("a chain that does not move is looked at again, ever more rarely, and goes on when it can", () => {
  test("nothing is valid", async () => {
    let answer: typeof valid | typeof invalid = invalid;
    const clocked = await startClocked(() => answer);
    const recheck = { recheckInterval: seconds(1), recheckMax: seconds(2) };
    await register({ ...line("hoping", clocked.url, "done"), autoExecute: recheck });
    const id = await scheduled.makeChain(clients, "hoping");
    await expect.poll(() => clocked.times.length).toBe(3);
    answer = valid;
    await scheduled.reaches(id, "done");
    const [first = 0, ...others] = gaps(clocked.times);
    expect(first).toBeGreaterThanOrEqual(1);
    expect(first).toBeLessThan(2);
    for (const gap of others) {
      expect(gap).toBeGreaterThanOrEqual(2);
      expect(gap).toBeLessThan(3.2);
    }
    await clocked.stop();
  });

  test("nobody can tell", async () => {
    let isBroken = true;
    const clocked = await startClocked(() => {
      if (isBroken) throw new Error("out of order");
      return valid;
    });
    await register(line("broken", clocked.url, "done"));
    const id = await scheduled.makeChain(clients, "broken");
    await expect.poll(() => clocked.times.length).toBe(2);
    const { lastAttempt } = await clients.dispatcher.getChain({
      chain: { value: { case: "id", value: id } },
    });
    expect(lastAttempt).toMatchObject({ requestedBy: "scheduler" });
    isBroken = false;
    await scheduled.reaches(id, "done");
    const [first = 0, second = 0] = gaps(clocked.times);
    expect(first).toBeGreaterThanOrEqual(1);
    expect(second).toBeGreaterThanOrEqual(2);
    expect(second).toBeLessThan(3.2);
    await clocked.stop();
  });
});

test("chains are left alone while nobody answers at a local endpoint of their type, and not for long after", async () => {
  const address = await freeAddress();
  await register(line("beside", `http://${address}`, "sent", "done"));
  const id = await scheduled.makeChain(clients, "beside");
  // Others are looked at all the while.
  const other = await scheduled.makeChain(clients, "walk");
  await scheduled.reaches(other, "done");
  expect(await scheduled.wakesIn(id)).toBeLessThan(0);
  expect(await scheduled.moves(id)).toEqual([]);
  const late = await startHttpValidator(() => valid, { port: Number(address.split(":")[1]) });
  await scheduled.reaches(id, "done");
  await late.stop();

  // The first finds nobody, which is an ERROR like another; after that they are left alone.
  const unavailable = async () => (await executesOf(sidecar))["VALIDATOR_UNAVAILABLE"] ?? 0;
  const before = await unavailable();
  const first = await scheduled.makeChain(clients, "beside");
  await expect.poll(unavailable).toBe(before + 1);
  const second = await scheduled.makeChain(clients, "beside");
  const another = await scheduled.makeChain(clients, "walk");
  await scheduled.reaches(another, "done");
  expect(await scheduled.wakesIn(second)).toBeLessThan(0);
  const back = await startHttpValidator(() => valid, { port: Number(address.split(":")[1]) });
  await Promise.all([first, second].map((each) => scheduled.reaches(each, "done")));
  await back.stop();
});

test("chains of a type without a validator wait for one, and for no longer", async () => {
  await clients.registry.registerChainType({
    chainType: { ...line("orphan", host.url, "done"), validator: undefined },
  });
  const id = await scheduled.makeChain(clients, "orphan");
  const other = await scheduled.makeChain(clients, "walk");
  await scheduled.reaches(other, "done");
  expect(await scheduled.wakesIn(id)).toBeLessThan(0);
  await clients.registry.registerValidator({ chainType: "orphan", endpoint: host.url });
  await scheduled.reaches(id, "done");
});

test("a new revision switches the scheduler on for chains that are there already, and off again", async () => {
  const letter = line("switched", host.url, "sent", "received", "done");
  const gated = {
    ...letter,
    transitions: letter.transitions.map((each) => (each.name === "received" ? { ...each, delay } : each)),
  };
  await register({ ...gated, autoExecute: undefined });
  const id = await scheduled.makeChain(clients, "switched", { due: false });
  expect(await scheduled.wakesIn(id)).toBeNull();
  await register(gated);
  await scheduled.reaches(id, "received");
  expect(await scheduled.wakesIn(id)).toBeGreaterThan(0);
  // Without the delay it would be the first definition, which is not made current by being registered again.
  await register({ ...letter, autoExecute: undefined });
  await expect.poll(() => scheduled.wakesIn(id)).toBeNull();
  expect(await scheduled.moves(id)).toHaveLength(2);
});

import { afterEach, beforeEach, expect, test } from "vitest";
import { type Clients, createClients, reasonOf } from "../support/client.ts";
import { valid } from "../support/judged-shop.ts";
import { executesOf, line, openScheduled, type Scheduled } from "../support/scheduled.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { startGrpcValidator, type ValidatorHost } from "../support/validator-host.ts";

let scheduled: Scheduled;
let sidecars: Sidecar[];
let hosts: ValidatorHost[];
beforeEach(async () => {
  scheduled = await openScheduled();
  sidecars = [];
  hosts = [];
});
afterEach(async () => {
  for (const host of hosts) await host.stop();
  for (const sidecar of sidecars) {
    await sidecar.stop();
    expect(sidecar.log()).not.toMatch(/"level":"(error|fatal)"/);
  }
  await scheduled.end();
});

async function start(env: Readonly<Record<string, string>> = {}): Promise<Sidecar & { clients: Clients }> {
  const sidecar = await startSidecar({ databaseUrl: scheduled.databaseUrl, env });
  sidecars.push(sidecar);
  return { ...sidecar, clients: createClients(sidecar.grpc) };
}

async function startHost(answer: Parameters<typeof startGrpcValidator>[0]): Promise<ValidatorHost> {
  const host = await startGrpcValidator(answer);
  hosts.push(host);
  return host;
}

/** A host that answers nobody until it is released. */
async function startHangingHost() {
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const host = await startHost(() => promise.then(() => valid));
  return { ...host, release };
}

const byId = (id: string) => ({ value: { case: "id" as const, value: id } });

test("the chain of a sidecar that is killed is taken by another when the lease is over, and not before", async () => {
  const host = await startHangingHost();
  const first = await start();
  await first.clients.registry.registerChainType({ chainType: line("letter", host.url, "done") });
  const id = await scheduled.makeChain(first.clients, "letter");
  await expect.poll(() => host.calls.length).toBe(1);
  await first.kill();
  host.release();

  const second = await start();
  const other = await scheduled.makeChain(second.clients, "letter");
  await scheduled.reaches(other, "done");
  expect(await scheduled.moves(id)).toEqual([]);
  expect(await scheduled.wakesIn(id)).toBeGreaterThan(0);
  await scheduled.endLease(id);
  await scheduled.reaches(id, "done");
  expect(await executesOf(second)).toEqual({ TRANSITIONED: 2 });
});

test("a sidecar with a concurrency of 0 takes nothing; two others share the work", async () => {
  const host = await startHost(() => valid);
  const one = { DISPATCHER_SCHEDULER_CONCURRENCY: "1" };
  const none = await start({ DISPATCHER_SCHEDULER_CONCURRENCY: "0" });
  const others = [await start(one), await start(one)];
  await none.clients.registry.registerChainType({ chainType: line("letter", host.url, "sent", "done") });
  const make = () => scheduled.makeChain(none.clients, "letter", { due: false });
  const ids = await Promise.all(Array.from({ length: 60 }, make));
  await scheduled.endLease(...ids);
  await Promise.all(ids.map((id) => scheduled.reaches(id, "done")));
  expect(await executesOf(none)).toEqual({});
  const shares = await Promise.all(others.map(async (each) => (await executesOf(each))["TRANSITIONED"] ?? 0));
  expect(shares[0]).toBeGreaterThan(0);
  expect(shares[1]).toBeGreaterThan(0);
  expect((shares[0] ?? 0) + (shares[1] ?? 0)).toBe(120);
  expect(host.calls).toHaveLength(120);
});

test("callers and schedulers that race take each step once", async () => {
  const states = ["packed", "sent", "received", "paid", "done"];
  const host = await startHost(() => new Promise((resolve) => setTimeout(resolve, Math.random() * 4, valid)));
  const replicas = [await start(), await start()];
  const [{ clients } = await start()] = replicas;
  await clients.registry.registerChainType({ chainType: line("letter", host.url, ...states) });
  const ids = await Promise.all(Array.from({ length: 40 }, () => scheduled.makeChain(clients, "letter")));
  const lost: string[] = [];
  const executeToTheEnd = async (id: string, index: number) => {
    const { dispatcher } = replicas[index % 2]?.clients ?? clients;
    for (;;) {
      try {
        const { chain } = await dispatcher.execute({ chain: byId(id), requestedBy: "caller" });
        if (chain?.state === "done") return;
      } catch (error) {
        lost.push(reasonOf(error));
      }
    }
  };
  await Promise.all(ids.map(executeToTheEnd));
  const moves = await Promise.all(ids.map((id) => scheduled.moves(id)));
  for (const made of moves) expect(made.map(({ final_state }) => final_state)).toEqual(states);
  const movers = Map.groupBy(moves.flat(), ({ requested_by }) => requested_by);
  expect([...movers.keys()].sort()).toEqual(["caller", "scheduler"]);
  const outcomes = await Promise.all(replicas.map(executesOf));
  const lostRaces = outcomes.reduce((sum, each) => sum + (each["CONCURRENT_TRANSITION"] ?? 0), 0);
  expect(lost.length + lostRaces).toBeGreaterThan(0);
  expect(new Set(lost)).toEqual(lost.length > 0 ? new Set(["CONCURRENT_TRANSITION"]) : new Set());
});

test("a sidecar that stops takes nothing more, and finishes what it has begun", async () => {
  const host = await startHangingHost();
  const sidecar = await start();
  await sidecar.clients.registry.registerChainType({ chainType: line("letter", host.url, "sent", "done") });
  const begun = await scheduled.makeChain(sidecar.clients, "letter");
  const waiting = await scheduled.makeChain(sidecar.clients, "letter", { due: false });
  await expect.poll(() => host.calls.length).toBe(1);
  const stopped = sidecar.stop();
  await expect.poll(() => sidecar.log()).toContain("stopping");
  await expect
    .poll(() => fetch(`http://${sidecar.operations}/readyz`).then(({ status }) => status))
    .toBe(503);
  await scheduled.endLease(waiting);
  host.release();
  expect(await stopped).toBe(0);
  expect((await scheduled.moves(begun)).map(({ final_state }) => final_state)).toEqual(["sent"]);
  expect(await scheduled.moves(waiting)).toEqual([]);
  expect(await scheduled.wakesIn(waiting)).toBeLessThan(0);
});

test("what outlasts the grace period is broken off, and left to others at once", async () => {
  const host = await startHangingHost();
  const sidecar = await start({ DISPATCHER_SHUTDOWN_GRACE: "0" });
  await sidecar.clients.registry.registerChainType({ chainType: line("letter", host.url, "done") });
  const id = await scheduled.makeChain(sidecar.clients, "letter");
  await expect.poll(() => host.calls.length).toBe(1);
  expect(await sidecar.stop()).toBe(0);
  expect(await scheduled.moves(id)).toEqual([]);
  expect(await scheduled.wakesIn(id)).toBeLessThan(2);
  host.release();
  await start();
  await scheduled.reaches(id, "done");
});

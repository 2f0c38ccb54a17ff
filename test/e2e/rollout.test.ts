import { randomInt, randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { OnError } from "../../gen/ts/dispatcher/v1/chain_type_pb.ts";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import type { RegisterChainTypeResponse } from "../../gen/ts/dispatcher/v1/registry_service_pb.ts";
import { Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { type Clients, createClients, reasonOf } from "../support/client.ts";
import { createTestDatabase } from "../support/database.ts";
import { checkInvariants } from "../support/invariants.ts";
import { startSidecar } from "../support/sidecar.ts";
import { startGrpcValidator } from "../support/validator-host.ts";

// A pod is a sidecar with its application beside it, which executes chains at that sidecar alone and is asked by it alone.

const PODS = 3;
const CALLERS = 4;
const CHAINS = 60;
/** In each stage of the rollout every pod gets so much done. */
const STAGE = 60;
const TYPE = "cart";

const close = { name: "close", finalState: "done" };
const apps = {
  v1: {
    chainType: {
      name: TYPE,
      transitions: [{ name: "remind", finalState: "reminded" }, close],
      states: [
        { name: "new", transitions: ["remind"] },
        { name: "reminded", transitions: ["close"] },
      ],
    },
    knows: ["remind", "close"],
  },
  v2: {
    chainType: {
      name: TYPE,
      transitions: [
        { name: "remind", finalState: "reminded_once" },
        // As long as there are pods that have never heard of it.
        { name: "expire", finalState: "done", onError: OnError.SKIP },
        close,
      ],
      states: [
        { name: "new", transitions: ["remind"] },
        { name: "reminded_once", transitions: ["expire", "close"] },
        { name: "reminded", transitions: [], replacedBy: "reminded_once" },
      ],
    },
    knows: ["remind", "close", "expire"],
  },
};
type Version = keyof typeof apps;

interface Pod {
  readonly clients: Clients;
  readonly registered: RegisterChainTypeResponse;
  /** How many Executes its application has had answered. */
  done(): number;
  /** As a pod ends: its application first. */
  stop(): Promise<void>;
}

let databaseUrl: string;
let database: pg.Client;
const chains = Array.from({ length: CHAINS }, () => randomUUID());
const failures: string[] = [];
let lostRaces = 0;

beforeAll(async () => {
  databaseUrl = await createTestDatabase();
  database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
});
afterAll(() => database.end());

async function startPod(version: Version): Promise<Pod> {
  const { chainType, knows } = apps[version];
  const host = await startGrpcValidator(({ transition }) => {
    if (!knows.includes(transition)) throw new Error(`${version} has no ${transition}`);
    const isTime = transition === "remind" || randomInt(4) === 0;
    return isTime ? { verdict: Verdict.VALID } : { verdict: Verdict.INVALID, errors: ["not yet"] };
  });
  const sidecar = await startSidecar({ databaseUrl });
  const clients = createClients(sidecar.grpc);
  const registered = await clients.registry.registerChainType({ chainType });
  await clients.registry.registerValidator({ chainType: TYPE, endpoint: host.url });

  let isStopping = false;
  let done = 0;
  const work = async () => {
    while (!isStopping) {
      await executeSome(clients);
      done += 1;
    }
  };
  const working = Promise.all(Array.from({ length: CALLERS }, work));
  return {
    clients,
    registered,
    done: () => done,
    async stop() {
      isStopping = true;
      await working;
      expect(await sidecar.stop()).toBe(0);
      await host.stop();
    },
  };
}

/** One call for one of the chains, which callers of all pods share; one that has ended makes room for another. */
async function executeSome({ dispatcher }: Clients): Promise<void> {
  const place = randomInt(CHAINS);
  const resourceId = chains[place] ?? "";
  const key = { chainType: TYPE, resources: [{ resourceType: "cart", resourceId }] };
  const request = {
    chain: { value: { case: "key" as const, value: key } },
    createIfAbsent: true,
    requestId: randomUUID(),
  };
  for (;;) {
    try {
      const { outcome } = await dispatcher.execute(request);
      if (outcome === Outcome.ALREADY_FINAL) chains[place] = randomUUID();
      return;
    } catch (error) {
      if (reasonOf(error) !== "CONCURRENT_TRANSITION") {
        failures.push(String(error));
        return;
      }
      lostRaces += 1;
    }
  }
}

async function stage(pods: readonly Pod[]): Promise<void> {
  const before = pods.map((pod) => pod.done());
  await expect
    .poll(() => Math.min(...pods.map((pod, index) => pod.done() - (before[index] ?? 0))))
    .toBeGreaterThan(STAGE);
}

/** Notes each change of the current revision in the database itself, where nothing can change unseen. */
async function noteRevisions(): Promise<() => Promise<string[]>> {
  await database.query(`
    create table revision_change (id serial, change text);
    create function note_revision() returns trigger language plpgsql as $$
      begin
        insert into public.revision_change (change) values (old.current_revision || ' -> ' || new.current_revision);
        return null;
      end $$;
    create trigger note_revision after update on dispatcher.chain_type
      for each row when (old.current_revision <> new.current_revision) execute function note_revision();`);
  return async () => {
    const { rows } = await database.query("select change from revision_change order by id");
    return rows.map(({ change }) => change);
  };
}

async function count(condition: string): Promise<number> {
  const { rows } = await database.query(
    `select count(*) as n from dispatcher.chain_event where ${condition}`,
  );
  return Number(rows[0]?.n);
}

test("from v1 to v2 pod by pod, and back: no Execute fails, and the current revision changes twice", async () => {
  const pods: Pod[] = [];
  onTestFinished(async () => void (await Promise.all(pods.map((pod) => pod.stop()))));
  const replace = async (index: number, version: Version) => {
    await pods[index]?.stop();
    pods[index] = await startPod(version);
    return pods[index].registered;
  };
  expect(await replace(0, "v1")).toMatchObject({ created: true, current: { revision: 1n } });
  const revisions = await noteRevisions();
  for (let index = 1; index < PODS; index += 1) {
    expect(await replace(index, "v1")).toMatchObject({ created: false, current: { revision: 1n } });
  }
  await stage(pods);

  expect(await replace(0, "v2")).toMatchObject({
    created: true,
    current: { revision: 2n },
    removedStates: [{ state: "reminded", replacedBy: "reminded_once" }],
  });
  await stage(pods);
  expect(await replace(1, "v2")).toMatchObject({ created: false, current: { revision: 2n } });
  await stage(pods);
  // A node goes away half-way, and a pod of the former version comes up once more.
  expect(await replace(2, "v1")).toMatchObject({ created: false, current: { revision: 2n } });
  await stage(pods);
  expect(await replace(2, "v2")).toMatchObject({ created: false, current: { revision: 2n } });
  await stage(pods);
  expect(await revisions()).toEqual(["1 -> 2"]);
  expect(await count("transition = 'expire'")).toBeGreaterThan(0);

  const [{ clients }] = pods as [Pod];
  const back = { chainType: apps.v1.chainType, makeCurrent: true };
  expect(await clients.registry.registerChainType({ ...back, validateOnly: true })).toMatchObject({
    current: { revision: 1n },
    removedStates: [{ state: "reminded_once", replacedBy: "reminded" }],
  });
  expect(await clients.registry.registerChainType(back)).toMatchObject({ current: { revision: 1n } });
  await stage(pods);
  for (let index = 0; index < PODS; index += 1) {
    expect(await replace(index, "v1")).toMatchObject({ created: false, current: { revision: 1n } });
  }
  await stage(pods);
  await Promise.all(pods.map((pod) => pod.stop()));

  expect(failures).toEqual([]);
  expect(await revisions()).toEqual(["1 -> 2", "2 -> 1"]);
  // Without races and chains on their way nothing was proved.
  expect(lostRaces).toBeGreaterThan(0);
  expect(await count("kind = 'MIGRATED' and revision = 2")).toBeGreaterThan(0);
  expect(await count("kind = 'MIGRATED' and revision = 1")).toBeGreaterThan(0);
  const { moves } = await checkInvariants(databaseUrl, []);
  expect(moves).toBeGreaterThan(PODS * STAGE);
}, 240_000);

import { randomUUID } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type StuckChain, StuckReason } from "../../gen/ts/dispatcher/v1/operations_service_pb.ts";
import type { ChainType } from "../../src/domain/chain-type.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { register } from "../../src/store/registry-store.ts";
import { type Clients, createClients, createJsonClients, expectRefusal } from "../support/client.ts";
import { createTestDatabase } from "../support/database.ts";
import { keyOf, valid } from "../support/judged-shop.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { startGrpcValidator, type ValidatorHost } from "../support/validator-host.ts";

let sidecar: Sidecar;
let clients: Clients;
let host: ValidatorHost;
let database: Database;
let databaseUrl: string;

beforeAll(async () => {
  databaseUrl = await createTestDatabase();
  sidecar = await startSidecar({ databaseUrl });
  clients = createClients(sidecar.grpc);
  host = await startGrpcValidator(() => valid);
  database = await openDatabase({ url: databaseUrl, schema: "dispatcher", poolSize: 1, direct: true });
  await clients.registry.registerChainType({ chainType: typeOf("judged", host.url) });
  await clients.registry.registerChainType({ chainType: typeOf("unjudged") });
  // As it is stored, since nothing executes it here.
  await register(database, async (registration) => {
    await registration.addRevision(automatic, randomUUID());
    await registration.raiseVersion();
  });
});
afterAll(async () => {
  await database.close();
  await host.stop();
  await sidecar.stop();
});

const typeOf = (name: string, url?: string) => ({
  name,
  ...(url && { validator: { url } }),
  transitions: [
    { name: "send", finalState: "sent" },
    { name: "lose", finalState: "done" },
    { name: "close", finalState: "done" },
  ],
  states: [
    { name: "new", transitions: ["send", "lose"] },
    { name: "sent", transitions: ["close"] },
  ],
});
const automatic: ChainType = {
  name: "automatic",
  evaluation: "SEQUENTIAL",
  transitions: [{ name: "send", finalState: "done", onError: "STOP" }],
  states: [{ name: "new", transitions: ["send"] }],
  autoExecute: {},
};

const query = (sql: string, ...values: unknown[]) => database.query(sql, values);
async function make(chainType: string, count = 1): Promise<string[]> {
  const ids: string[] = [];
  for (let made = 0; made < count; made++) {
    const { chain } = await clients.dispatcher.getOrCreateChain({ key: keyOf(chainType) });
    ids.push(chain?.id ?? "");
  }
  return ids;
}
const byId = (id: string) => ({ value: { case: "id" as const, value: id } });

/** All of it, in pages. */
async function list(
  request: { chainType?: string; reason?: StuckReason; pageSize?: number },
  { operations }: Pick<Clients, "operations"> = clients,
): Promise<StuckChain[]> {
  const all: StuckChain[] = [];
  let pageToken = "";
  do {
    const page = await operations.listStuckChains({ ...request, pageToken });
    if (request.pageSize) expect(page.stuckChains.length).toBeLessThanOrEqual(request.pageSize);
    all.push(...page.stuckChains);
    pageToken = page.nextPageToken;
  } while (pageToken);
  return all;
}
const idsOf = (stuck: readonly StuckChain[]) => stuck.map(({ chain }) => chain?.id);

async function claimInVain(id: string, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    await clients.dispatcher.execute({ chain: byId(id), claim: true });
    await query("update dispatcher.chain set claim_expiry = now() - interval '1 second' where id = $1", id);
  }
}

async function addDelivery(id: string, version: number, state: "DEAD" | "DELIVERED"): Promise<void> {
  await query(
    `insert into dispatcher.outbox_message
       (chain_id, version, chain_type, transition, fencing_token, body, state, attempts, last_error, create_time)
     values ($1, $2, 'judged', 'send', 1, '', $3, 7, 'nobody listens', now())`,
    id,
    version,
    state,
  );
}

test("nothing is stuck where everything goes well", async () => {
  await make("judged", 3);
  expect(await list({ chainType: "judged" })).toEqual([]);
  expect(await list({ chainType: "nothing" })).toEqual([]);
});

test("a state that is no longer there, also of a chain that is disabled", async () => {
  const [id = ""] = await make("judged");
  await clients.dispatcher.updateChain({
    chain: byId(id),
    updateMask: { paths: ["disabled"] },
    disabled: true,
  });
  await query("update dispatcher.chain set state = 'packed' where id = $1", id);
  const [stuck, ...others] = await list({ reason: StuckReason.STATE_REMOVED });
  expect(others).toEqual([]);
  expect(stuck).toMatchObject({ chain: { id, state: "packed" }, reason: StuckReason.STATE_REMOVED });
  expect(stuck?.explanation).toContain(
    'It stands in "packed", which revision 1 of "judged" no longer has. Move it with SetChainState',
  );
  await clients.dispatcher.setChainState({ chain: byId(id), state: "sent" });
  expect(await list({ reason: StuckReason.STATE_REMOVED })).toEqual([]);
});

test("claims that keep expiring: three since the last move", async () => {
  const [id = ""] = await make("judged");
  // The last one is noted by whoever takes the next.
  await claimInVain(id, 3);
  expect(await list({ reason: StuckReason.CLAIM_EXPIRES })).toEqual([]);
  await claimInVain(id, 1);
  const [stuck, ...others] = await list({ reason: StuckReason.CLAIM_EXPIRES });
  expect(others).toEqual([]);
  expect(stuck).toMatchObject({ chain: { id }, reason: StuckReason.CLAIM_EXPIRES });
  expect(stuck?.explanation).toMatch(/^3 claims have expired since its last move.*ExtendClaim/);

  await clients.dispatcher.execute({ chain: byId(id) });
  await clients.dispatcher.execute({ chain: byId(id), claim: true });
  expect(await list({ reason: StuckReason.CLAIM_EXPIRES })).toEqual([]);
});

test("dead deliveries: the chain once, with the first; not of a chain that has gone", async () => {
  const [id = "", gone = "", fine = ""] = await make("judged", 3);
  for (const one of [id, gone]) {
    await addDelivery(one, 1, "DELIVERED");
    await addDelivery(one, 2, "DEAD");
    await addDelivery(one, 3, "DEAD");
  }
  await addDelivery(fine, 1, "DELIVERED");
  await clients.dispatcher.deleteChain({ chain: byId(gone), force: true });
  const [stuck, ...others] = await list({ reason: StuckReason.DELIVERY_DEAD });
  expect(others).toEqual([]);
  expect(stuck).toMatchObject({ chain: { id }, reason: StuckReason.DELIVERY_DEAD });
  expect(stuck?.explanation).toBe(
    `Its delivery "${id}:2:send" was given up after 7 attempts: nobody listens. Mend the callback, then make the delivery ` +
      "pending again with RedriveDelivery. ListDeliveries shows all that are dead.",
  );
  expect(await list({ reason: StuckReason.DELIVERY_DEAD, chainType: "unjudged" })).toEqual([]);
  await query("update dispatcher.outbox_message set state = 'DELIVERED' where state = 'DEAD'");
});

test("transitions of its state without a validator here, until there is one", async () => {
  const [first = "", second = "", disabled = "", done = ""] = await make("unjudged", 4);
  await clients.dispatcher.setChainState({ chain: byId(second), state: "sent" });
  await clients.dispatcher.setChainState({ chain: byId(done), state: "done" });
  await clients.dispatcher.updateChain({
    chain: byId(disabled),
    updateMask: { paths: ["disabled"] },
    disabled: true,
  });
  const reason = StuckReason.NO_VALIDATOR;
  const stuck = await list({ reason });
  expect(idsOf(stuck)).toEqual([first, second]);
  expect(stuck.map(({ explanation }) => explanation.split(",").slice(0, 2).join(","))).toEqual([
    'This sidecar has no validator for "send", "lose"',
    'This sidecar has no validator for "close", which may leave its state. Register one with RegisterValidator',
  ]);
  const registration = { chainType: "unjudged", endpoint: host.url };
  await clients.registry.registerValidator({ ...registration, transitions: ["send", "lose"] });
  expect(idsOf(await list({ reason }))).toEqual([second]);
  await clients.registry.registerValidator(registration);
  expect(await list({ reason })).toEqual([]);
  await clients.registry.unregisterValidator({ chainType: "unjudged" });
  await clients.registry.unregisterValidator({ chainType: "unjudged", transitions: ["send", "lose"] });
  await query("delete from dispatcher.chain where chain_type = 'unjudged'");
});

test("chains that are due and that no sidecar takes, the longest due first", async () => {
  const ids = await make("automatic", 4);
  for (const [index, minutes] of [6, 9, 4, -60].entries()) {
    await query(
      "update dispatcher.chain set wake_time = now() - $2 * interval '1 minute' where id = $1",
      ids[index],
      minutes,
    );
  }
  const stuck = await list({ reason: StuckReason.OVERDUE });
  expect(idsOf(stuck)).toEqual([ids[1], ids[0]]);
  expect(stuck[0]?.explanation).toMatch(/^It has been due since \d{4}-.*ListValidators/);
  await query("delete from dispatcher.chain where chain_type = 'automatic'");
});

describe("all reasons together", () => {
  let expected: [StuckReason, string][];
  beforeAll(async () => {
    const removed = await make("judged", 3);
    const other = await make("unjudged", 2);
    await query(
      "update dispatcher.chain set state = 'packed' where id = any($1::uuid[])",
      removed.slice(0, 2),
    );
    await query("update dispatcher.chain set state = 'aside' where id = any($1::uuid[])", [
      removed[2],
      ...other.slice(0, 1),
    ]);
    const [claimed = "", late = ""] = await make("judged", 2);
    await claimInVain(claimed, 4);
    await claimInVain(late, 4);
    const dead = await make("judged", 3);
    for (const id of dead) await addDelivery(id, 1, "DEAD");
    const overdue = await make("automatic", 3);
    await query(
      "update dispatcher.chain set wake_time = create_time - interval '1 hour' where id = any($1::uuid[])",
      overdue,
    );
    const { STATE_REMOVED, CLAIM_EXPIRES, DELIVERY_DEAD, NO_VALIDATOR, OVERDUE } = StuckReason;
    const because = (reason: StuckReason, ids: readonly (string | undefined)[]) =>
      ids.map((id): [StuckReason, string] => [reason, id ?? ""]);
    expected = [
      ...because(STATE_REMOVED, [removed[2], removed[0], removed[1], other[0]]),
      ...because(CLAIM_EXPIRES, [claimed, late]),
      ...because(DELIVERY_DEAD, dead),
      ...because(NO_VALIDATOR, [...overdue, other[1]]),
      ...because(OVERDUE, overdue),
    ];
  });
  const told = (stuck: readonly StuckChain[]) => stuck.map(({ chain, reason }) => [reason, chain?.id]);

  test.each([0, 1, 2, 3, 7])("pages of %d hold every one once, in the same order", async (pageSize) => {
    expect(told(await list({ pageSize }))).toEqual(expected);
    expect(told(await list({ pageSize }, createJsonClients(sidecar.http)))).toEqual(expected);
  });

  test("by chain type", async () => {
    const { rows } = { rows: await query("select id from dispatcher.chain where chain_type = 'judged'") };
    const judged = new Set(rows.map(({ id }) => id));
    const chainType = "judged";
    expect(told(await list({ chainType, pageSize: 2 }))).toEqual(expected.filter(([, id]) => judged.has(id)));
    const reason = StuckReason.STATE_REMOVED;
    expect(told(await list({ chainType, reason, pageSize: 1 }))).toEqual(
      expected.filter(([why, id]) => judged.has(id) && why === reason),
    );
  });

  test("a page token of other filters, or of nobody, is refused", async () => {
    const { nextPageToken } = await clients.operations.listStuckChains({ pageSize: 1 });
    for (const request of [
      { pageToken: nextPageToken, chainType: "judged" },
      { pageToken: nextPageToken, reason: StuckReason.OVERDUE },
      { pageToken: "nonsense" },
    ])
      await expectRefusal(
        clients.operations.listStuckChains(request),
        Code.InvalidArgument,
        "INVALID_PAGE_TOKEN",
      );
  });

  test("metrics tell of them, without names", async () => {
    // Read at most every 15 s: a sidecar that has not been asked yet.
    const other = await startSidecar({ databaseUrl });
    const text = await (await fetch(`http://${other.operations}/metrics`)).text();
    await other.stop();
    const value = (name: string) => Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);
    expect(value("dispatcher_expired_claims")).toBe(2);
    expect(value("dispatcher_transitions_without_validator")).toBe(4);
    expect(value("dispatcher_oldest_due_chain_age_seconds")).toBeGreaterThan(3600);
    expect(value("dispatcher_oldest_due_chain_age_seconds")).toBeLessThan(3720);
  });
});

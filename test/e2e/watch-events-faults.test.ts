import { randomUUID } from "node:crypto";
import { Code } from "@connectrpc/connect";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ErrorInfoSchema } from "../../gen/ts/google/rpc/error_details_pb.ts";
import { type Clients, createClients, createJsonClients, reasonOf } from "../support/client.ts";
import { checkInvariants } from "../support/invariants.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { startTwoSidecars, type TwoSidecars } from "../support/two-sidecars.ts";
import { type Watcher, watch } from "../support/watcher.ts";

let two: TwoSidecars;
let database: pg.Client;
const further: Sidecar[] = [];
beforeEach(async () => {
  two = await startTwoSidecars();
  database = new pg.Client({ connectionString: two.databaseUrl });
  await database.connect();
  await two.one.registry.registerChainType({
    chainType: {
      name: "round",
      transitions: [
        { name: "go", finalState: "away" },
        { name: "return", finalState: "new" },
      ],
      states: [
        { name: "new", transitions: ["go"] },
        { name: "away", transitions: ["return"] },
      ],
      validator: { url: two.host.url },
    },
  });
});
afterEach(async () => {
  await checkInvariants(two.databaseUrl, []);
  await database.end();
  await Promise.all(further.splice(0).map((sidecar) => sidecar.stop()));
  await two.end();
});

/** Moves chains by whichever sidecar answers, until told to stop. */
function startWriters(count: number, clients: readonly Clients[]) {
  let isWriting = true;
  let made = 0;
  const write = async (index: number) => {
    const key = { chainType: "round", resources: [{ resourceType: "thing", resourceId: randomUUID() }] };
    const chain = { value: { case: "key" as const, value: key } };
    for (let turn = index; isWriting; turn += 1) {
      const client = clients[turn % clients.length]?.dispatcher;
      const requestId = randomUUID();
      const answer = await client?.execute({ chain, createIfAbsent: true, requestId }).catch(() => undefined);
      if (answer) made += 1;
    }
  };
  const writers = Array.from({ length: count }, (_, index) => write(index));
  return {
    reach: (wanted: number) => expect.poll(() => made).toBeGreaterThanOrEqual(wanted),
    async stop() {
      isWriting = false;
      await Promise.all(writers);
    },
  };
}

/** Every event that is kept, in the order of the stream. */
async function whole(): Promise<string[]> {
  await expect
    .poll(async () => {
      const { rows } = await database.query(
        "select from dispatcher.chain_event where position is null limit 1",
      );
      return rows.length;
    })
    .toBe(0);
  const { rows } = await database.query<{ id: string }>(
    "select id from dispatcher.chain_event order by position",
  );
  return rows.map(({ id }) => id);
}

/** Versions of each chain follow one another. */
function expectOrder(watchers: readonly Watcher[]): void {
  const events = watchers.flatMap((watcher) => watcher.events);
  for (const history of Map.groupBy(events, ({ chainId }) => chainId).values())
    expect(history.map(({ version }) => Number(version))).toEqual(history.map((_, index) => index + 1));
}

const idsOf = (...watchers: readonly Watcher[]) =>
  watchers.flatMap((watcher) => watcher.events.map(({ id }) => id));

test("with many writers, three sidecars that give positions and four watchers, each sees every event once", async () => {
  const third = await startSidecar({ databaseUrl: two.databaseUrl });
  further.push(third);
  const three = [two.one, two.two, createClients(third.grpc)];
  const [first] = two.sidecars;
  const watchers = [...three, createJsonClients(first?.http ?? "")].map(({ dispatcher }) =>
    watch(dispatcher),
  );
  await Promise.all(watchers.map(({ begun }) => begun));
  const writers = startWriters(24, three);
  await writers.reach(2000);
  await writers.stop();
  const events = await whole();
  expect(events.length).toBeGreaterThanOrEqual(2000);
  for (const watcher of watchers) {
    await watcher.reach(events.length);
    expect(idsOf(watcher)).toEqual(events);
    expectOrder([watcher]);
    await watcher.stop();
  }
});

test("after a kill -9 the stream goes on from its cursor at another sidecar, without a gap", async () => {
  const [killed] = two.sidecars;
  const before = watch(two.one.dispatcher);
  const elsewhere = watch(two.two.dispatcher);
  await Promise.all([before.begun, elsewhere.begun]);
  const writers = startWriters(16, [two.one, two.two]);
  await before.reach(300);
  await killed?.kill();
  await before.ended;
  const seen = before.events.length;
  await elsewhere.reach(seen + 100);

  const after = watch(two.two.dispatcher, { cursor: before.cursor });
  await after.reach(200);
  await writers.stop();
  const events = await whole();
  await Promise.all([after.reach(events.length - seen), elsewhere.reach(events.length)]);
  expect(idsOf(before, after)).toEqual(events);
  expect(idsOf(elsewhere)).toEqual(events);
  expectOrder([before, after]);
  await Promise.all([after, elsewhere].map((watcher) => watcher.stop()));
});

test("when a sidecar stops, its streams end at once with their last cursor, and go on from it", async () => {
  const [stopping] = two.sidecars;
  const quiet = [two.one, createJsonClients(stopping?.http ?? "")].map(({ dispatcher }) =>
    watch(dispatcher, { filter: { chainType: "another" } }),
  );
  const busy = watch(two.one.dispatcher);
  await Promise.all([...quiet, busy].map(({ begun }) => begun));
  const writers = startWriters(8, [two.one, two.two]);
  await busy.reach(100);
  const startedMs = performance.now();
  const stopped = stopping?.stop();
  for (const watcher of [...quiet, busy]) {
    const error = await watcher.ended;
    expect([error.code, reasonOf(error)]).toEqual([Code.Unavailable, "NOT_READY"]);
    const [info] = error.findDetails(ErrorInfoSchema);
    expect(info?.metadata["why"]).toContain("stopping");
  }
  expect(await stopped).toBe(0);
  // Calls in flight would get 25 s.
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  const seen = busy.events.length;
  const after = watch(two.two.dispatcher, { cursor: busy.cursor });
  await after.reach(100);
  await writers.stop();
  const events = await whole();
  await after.reach(events.length - seen);
  expect(idsOf(busy, after)).toEqual(events);
  // The bookmark of those for whom nothing came says how far the stream had come for them.
  for (const { events: none, heartbeats } of quiet) expect([none.length, heartbeats]).toEqual([0, 2]);
  await after.stop();
});

test("readers that take nothing cost no memory, and harm nobody", async () => {
  const [sidecar] = two.sidecars;
  const bytes = async () => {
    const metrics = await (await fetch(`http://${sidecar?.operations}/metrics`)).text();
    const gauge = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(metrics)?.[1]);
    return gauge("nodejs_heap_size_used_bytes") + gauge("nodejs_external_memory_bytes");
  };
  const count = 10_000;
  const reasonBytes = 4000;
  await database.query(
    `insert into dispatcher.chain_event (id, chain_id, kind, is_move, version, requested_by, reason, event_time)
     select gen_random_uuid(), gen_random_uuid(), 'UPDATED', false, 0, '', repeat('x', $2), clock_timestamp()
     from generate_series(1, $1)`,
    [count, reasonBytes],
  );
  const doors = [two.one, createJsonClients(sidecar?.http ?? "")];
  // Each with a connection of its own: streams of one connection share its window.
  const healthyClient = createClients(sidecar?.grpc ?? "");
  const readAll = async () => {
    const watcher = watch(healthyClient.dispatcher, { fromBeginning: true });
    await watcher.reach(count);
    await watcher.stop();
  };
  await readAll();
  const before = await bytes();
  const leaving = new AbortController();
  const stuck = Array.from({ length: 40 }, (_, index) => {
    const clients = doors[index % 2] ?? two.one;
    const { signal } = leaving;
    return clients.dispatcher.watchChainEvents({ fromBeginning: true }, { signal })[Symbol.asyncIterator]();
  });
  for (const reader of stuck) expect((await reader.next()).done).toBe(false);
  await readAll();
  // All of it for all of them would be 1.6 GB; a page for each is 10 MB as it is stored.
  expect((await bytes()) - before).toBeLessThan(200_000_000);
  // It is all still there for them.
  const [one, other] = stuck;
  for (const reader of [one, other]) {
    let taken = 0;
    while (taken < count) {
      const next = await reader?.next();
      if (next?.value?.event) taken += 1;
    }
  }
  leaving.abort();
});

import { randomUUID } from "node:crypto";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { WatchChainEventsRequest } from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { ErrorInfoSchema } from "../../gen/ts/google/rpc/error_details_pb.ts";
import type { ChainFilter } from "../../src/domain/chain-filter.ts";
import { EventFeed } from "../../src/engine/event-feed.ts";
import { Registry } from "../../src/engine/registry.ts";
import { type WatchTimes, watchChainEvents } from "../../src/rpc/services/watch-chain-events.ts";
import type { Database } from "../../src/store/database.ts";
import { type Positions, startPositions } from "../../src/workers/positions.ts";
import { type Clients, createClients, createJsonClients, reasonOf } from "../support/client.ts";
import { openMigratedDatabase } from "../support/store.ts";
import { watch } from "../support/watcher.ts";
import { type ScratchSidecar, startScratchSidecar } from "./scratch-sidecar.ts";

// The stream of a real database through both doors, with shorter times than the API promises.

/** Statements that the feed has sent. */
let statements = 0;
let database: Database;
let registry: Registry;
beforeAll(async () => {
  const opened = await openMigratedDatabase();
  database = {
    ...opened,
    query(sql, values) {
      statements += 1;
      return opened.query(sql, values);
    },
    read(sql, values) {
      statements += 1;
      return opened.read(sql, values);
    },
  };
  registry = new Registry(database);
  await registry.refresh();
});
afterAll(() => database.close());

let sidecar: ScratchSidecar;
let feed: EventFeed;
let positions: Positions;
let errors: unknown[];
beforeEach(async () => {
  sidecar = await startScratchSidecar();
  feed = new EventFeed(database);
  errors = [];
  positions = startPositions(feed, (error) => errors.push(error));
});
afterEach(async () => {
  feed.close();
  await positions.stop();
  await sidecar.stop();
  expect(errors).toEqual([]);
});

function serve(times: WatchTimes, change: Partial<ChainFilter> = {}): Record<"gRPC" | "JSON", Clients> {
  sidecar.behaviour.watch = ({ cursor, fromBeginning }: WatchChainEventsRequest, call) =>
    watchChainEvents(
      { feed, registry },
      { cursor, fromBeginning, filter: { due: false, ...change } },
      call,
      times,
    );
  return {
    gRPC: createClients(sidecar.grpcAddress),
    JSON: createJsonClients(new URL(sidecar.httpUrl).host),
  };
}

async function insertEvents(count: number, reasonBytes = 0): Promise<void> {
  await database.query(
    `insert into dispatcher.chain_event (id, chain_id, kind, is_move, version, from_state, final_state, requested_by, reason,
       event_time)
     select gen_random_uuid(), $1, 'TRANSITIONED', true, i, 'new', 'new', 'test', repeat('x', $3), clock_timestamp()
     from generate_series(1, $2) i`,
    [randomUUID(), count, reasonBytes],
  );
}

describe.each(["gRPC", "JSON"] as const)("over %s", (door) => {
  test("a heartbeat tells how far the stream has come, where nothing passes the filter", async () => {
    const { dispatcher } = serve({ heartbeatMs: 100 }, { chainType: "none of these" })[door];
    const watcher = watch(dispatcher);
    await watcher.begun;
    const atStart = watcher.cursor;
    await insertEvents(3);
    const { position } = await feed.advance();
    await expect.poll(() => watcher.cursor).not.toBe(atStart);
    await expect.poll(() => watcher.heartbeats).toBeGreaterThan(3);
    expect(watcher.events).toEqual([]);
    const { cursor } = watcher;
    expect(Buffer.from(cursor, "base64url").toString()).toBe(`1.${position}`);
    await watcher.stop();
    // Without the filter, to see that the bookmark lies behind the three and not before the next.
    const after = watch(serve({})[door].dispatcher, { cursor });
    await after.begun;
    await insertEvents(1);
    await after.reach(1);
    expect(after.events.map((event) => Number(event.position))).toEqual([position + 1]);
    await after.stop();
  });

  test("a reader that takes nothing costs no more than a page, and is ended with its last cursor", async () => {
    const patienceMs = 2000;
    const { dispatcher } = serve({ patienceMs })[door];
    const { position: start } = await feed.advance();
    const healthy = watch(dispatcher);
    await healthy.begun;
    const stuck = dispatcher.watchChainEvents({})[Symbol.asyncIterator]();
    expect((await stuck.next()).value?.event).toBeUndefined();
    const count = 3000;
    await insertEvents(count, 10_000);
    await feed.advance();
    await healthy.reach(count);
    // The healthy reader has taken 30 MB; of the other, a few pages were read before its transport was full.
    const before = statements;
    await vi.waitFor(() => expect(sidecar.log.some(({ reason }) => reason === "SLOW_READER")).toBe(true), {
      timeout: 20_000,
    });
    // A look a second, and nothing for the reader.
    expect(statements - before).toBeLessThan(10);

    const cursors: string[] = [];
    const seen: number[] = [];
    const error = await (async () => {
      for (;;) {
        const { value, done } = await stuck.next();
        if (done) return undefined;
        cursors.push(value.cursor);
        if (value.event) seen.push(Number(value.event.position));
      }
    })().catch((thrown: unknown) => ConnectError.from(thrown));
    expect([error?.code, reasonOf(error)]).toEqual([Code.Unavailable, "SLOW_READER"]);
    const [info] = error?.findDetails(ErrorInfoSchema) ?? [];
    expect(info?.metadata["cursor"]).toBe(cursors.at(-1));
    // Cut off in the middle, and gone on from there without a gap.
    expect(seen.length).toBeLessThan(count);
    const rest = watch(dispatcher, { cursor: cursors.at(-1) ?? "" });
    await rest.reach(count - seen.length);
    seen.push(...rest.events.map(({ position }) => Number(position)));
    expect(seen).toEqual(Array.from({ length: count }, (_, index) => start + 1 + index));
    await Promise.all([healthy.stop(), rest.stop()]);
    await vi.waitFor(() => expect(feed.isWatched).toBe(false));
  });
});

test("two hundred who watch are no more work for the database than one", async () => {
  const over = serve({});
  const watchers = Array.from({ length: 200 }, (_, index) =>
    watch(over[index % 2 ? "gRPC" : "JSON"].dispatcher),
  );
  await Promise.all(watchers.map(({ begun }) => begun));
  const before = statements;
  const rounds = 5;
  for (let round = 1; round <= rounds; round += 1) {
    await insertEvents(2);
    await feed.advance();
    await Promise.all(watchers.map((watcher) => watcher.reach(2 * round)));
  }
  const [first] = watchers;
  for (const { events } of watchers)
    expect(events.map(({ id }) => id)).toEqual(first?.events.map(({ id }) => id));
  // Each round: the insert, the assignment and one page; and the looks that came once a second meanwhile.
  expect(statements - before).toBeLessThan(rounds * 3 + 30);
  await Promise.all(watchers.map((watcher) => watcher.stop()));
  await vi.waitFor(() => expect(feed.isWatched).toBe(false));
});

test("pages are cut by the events' size, and one that is larger comes all the same", async () => {
  const { dispatcher } = serve({}).gRPC;
  const watcher = watch(dispatcher);
  await watcher.begun;
  await insertEvents(3, 300_000);
  await insertEvents(600, 10);
  await insertEvents(3, 300_000);
  await feed.advance();
  await watcher.reach(606);
  const sizes = watcher.events.map(({ reason }) => reason.length);
  expect(sizes.filter((size) => size === 300_000)).toHaveLength(6);
  expect(sizes).toHaveLength(606);
  const again = watch(dispatcher, { cursor: watcher.cursors[0] ?? "" });
  await again.reach(605);
  expect(again.cursors).toEqual(watcher.cursors.slice(1));
  await Promise.all([watcher.stop(), again.stop()]);
});

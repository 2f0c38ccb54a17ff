import { randomUUID } from "node:crypto";
import { Code } from "@connectrpc/connect";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ChainEvent, ChainEventKind } from "../../gen/ts/dispatcher/v1/chain_event_pb.ts";
import { ErrorInfoSchema } from "../../gen/ts/google/rpc/error_details_pb.ts";
import { type Clients, createClients, createJsonClients, reasonOf } from "../support/client.ts";
import { letter, startTwoSidecars, type TwoSidecars, unique } from "../support/two-sidecars.ts";
import { watch } from "../support/watcher.ts";

let two: TwoSidecars;
let database: pg.Client;
const doors = ["gRPC", "JSON"] as const;
let over: Record<(typeof doors)[number], Clients>;
beforeAll(async () => {
  two = await startTwoSidecars();
  database = new pg.Client({ connectionString: two.databaseUrl });
  await database.connect();
  const [sidecar] = two.sidecars;
  over = {
    gRPC: createClients(sidecar?.grpc ?? ""),
    JSON: createJsonClients(sidecar?.http ?? ""),
  };
});
afterAll(async () => {
  await database.end();
  await two.end();
});

/** A chain type of its own, judged by the application, and what goes on in it. */
async function openType() {
  const chainType = unique("letter");
  await two.one.registry.registerChainType({
    chainType: { ...letter(chainType), validator: { url: two.host.url } },
  });
  const newRef = () => {
    const key = { chainType, resources: [{ resourceType: "thing", resourceId: randomUUID() }] };
    return { value: { case: "key" as const, value: key } };
  };
  const execute = async (clients: Clients, chain = newRef()) => {
    const answer = await clients.dispatcher.execute({ chain, createIfAbsent: true });
    return { chain, id: answer.chain?.id ?? "", event: answer.event };
  };
  return { chainType, newRef, execute };
}

/** As in `<chain> 2 TRANSITIONED`. */
const told = ({ chainId, version, kind }: ChainEvent) => {
  const [name] = Object.entries(ChainEventKind).find(([, value]) => value === kind) ?? [];
  return `${chainId} ${version} ${name}`;
};

/** Events are ordered by their positions, each of which is given once. */
function expectPositions(events: readonly ChainEvent[]): void {
  const positions = events.map(({ position }) => Number(position));
  expect(positions).toEqual([...positions].sort((one, other) => one - other));
  expect(new Set(positions).size).toBe(positions.length);
  expect(Math.min(...positions)).toBeGreaterThan(0);
}

describe.each(doors)("over %s", (door) => {
  test("from now on: what either sidecar commits after the stream has begun, and nothing before", async () => {
    const { execute } = await openType();
    await execute(two.one);
    const watcher = watch(over[door].dispatcher);
    await watcher.begun;
    expect(watcher.heartbeats).toBe(1);
    const made = [await execute(two.one), await execute(two.two), await execute(two.one)];
    await watcher.reach(3);
    expect(new Set(watcher.events.map(({ id }) => id))).toEqual(new Set(made.map(({ event }) => event?.id)));
    expectPositions(watcher.events);
    await watcher.stop();
  });

  test("what this sidecar commits comes at once, not with the next look", async () => {
    const { execute } = await openType();
    const watcher = watch(over[door].dispatcher);
    await watcher.begun;
    const delays: number[] = [];
    for (let made = 1; made <= 5; made += 1) {
      await execute(two.one);
      const startedMs = performance.now();
      await expect.poll(() => watcher.events.length, { interval: 1 }).toBeGreaterThanOrEqual(made);
      delays.push(performance.now() - startedMs);
    }
    // Waiting for looks that come once a second would take half a second on average.
    expect(delays.sort((one, other) => one - other)[2]).toBeLessThan(300);
    await watcher.stop();
  });

  test("from the beginning, and from any cursor on: the same events in the same order", async () => {
    const { execute, chainType } = await openType();
    const { chain } = await execute(two.one);
    await execute(two.two, chain);
    await execute(two.two);
    const filter = { chainType };
    const whole = watch(over[door].dispatcher, { fromBeginning: true, filter });
    await whole.reach(3);
    const rest = watch(two.two.dispatcher, { cursor: whole.cursors[0] ?? "", filter });
    await rest.reach(2);
    expect(rest.events.map(({ id }) => id)).toEqual(whole.events.slice(1).map(({ id }) => id));
    expect(rest.cursors).toEqual(whole.cursors.slice(1));
    await rest.stop();
    await whole.stop();
  });

  test.each(["x", "MS4xCg", "LTEuMA", Buffer.from("1.01").toString("base64url"), "\u0000", "{}"])(
    "a cursor that no stream gave is refused: %j",
    async (cursor) => {
      const error = await watch(over[door].dispatcher, { cursor }).ended;
      expect([error.code, reasonOf(error)]).toEqual([Code.InvalidArgument, "INVALID_REQUEST"]);
    },
  );

  test("a cursor and from_beginning together are refused", async () => {
    const { cursor, begun, stop } = watch(over[door].dispatcher);
    await begun;
    await stop();
    const error = await watch(over[door].dispatcher, { cursor: cursor || "MS4w", fromBeginning: true }).ended;
    expect([error.code, reasonOf(error)]).toEqual([Code.InvalidArgument, "INVALID_REQUEST"]);
    expect(error.message).toContain("from_beginning");
  });
});

test("the position is in the history as soon as it is given, and in no answer that a repetition must get again", async () => {
  const { execute } = await openType();
  const watcher = watch(two.one.dispatcher);
  await watcher.begun;
  const { chain, event } = await execute(two.one);
  expect(event?.position).toBe(0n);
  await watcher.reach(1);
  const { events } = await two.two.dispatcher.listChainEvents({ chain });
  expect(events.map(({ position }) => position)).toEqual(
    watcher.events.filter(({ id }) => id === event?.id).map(({ position }) => position),
  );
  await watcher.stop();
});

describe("a filter", () => {
  test("passes events by what their chains are when they are sent", async () => {
    const { execute, chainType, newRef } = await openType();
    const other = await openType();
    const ref = newRef();
    const resource = ref.value.value.resources[0] ?? { resourceType: "", resourceId: "" };
    const standing = await execute(two.one, ref);
    const closed = await execute(two.one);
    await execute(two.one, closed.chain);
    const disabled = await execute(two.one);
    await two.one.dispatcher.updateChain({
      chain: disabled.chain,
      disabled: true,
      updateMask: { paths: ["disabled"] },
      requestedBy: "test",
    });
    const elsewhere = await other.execute(two.one);
    const passing = async (filter: object, count: number) => {
      const watcher = watch(two.two.dispatcher, { fromBeginning: true, filter });
      await watcher.reach(count);
      // Whatever passes beyond those that are waited for comes before the end of what there is.
      const { position } = watcher.events.at(-1) ?? { position: 0n };
      await watcher.stop();
      const all = watcher.events.map(told);
      expect(position).toBeGreaterThan(0n);
      return all;
    };
    const of = (id: string, ...versions: string[]) => versions.map((version) => `${id} ${version}`);
    const closedEvents = of(closed.id, "1 TRANSITIONED", "2 TRANSITIONED");
    const disabledEvents = of(disabled.id, "1 TRANSITIONED", "1 UPDATED");
    const standingEvents = of(standing.id, "1 TRANSITIONED");
    const sorted = (events: readonly string[]) => [...events].sort();
    expect(sorted(await passing({ chainType }, 5))).toEqual(
      sorted([...standingEvents, ...closedEvents, ...disabledEvents]),
    );
    expect(sorted(await passing({ chainType, state: "sent" }, 3))).toEqual(
      sorted([...standingEvents, ...disabledEvents]),
    );
    expect(await passing({ chainType, state: "done" }, 2)).toEqual(closedEvents);
    expect(await passing({ resource }, 1)).toEqual(standingEvents);
    expect(await passing({ chainType, disabled: true }, 2)).toEqual(disabledEvents);
    expect(sorted(await passing({ chainType, disabled: false }, 3))).toEqual(
      sorted([...standingEvents, ...closedEvents]),
    );
    expect(await passing({ chainType, due: true }, 1)).toEqual(standingEvents);
    expect(await passing({ chainType: other.chainType }, 1)).toEqual(of(elsewhere.id, "1 TRANSITIONED"));
  });

  test("judges a deleted chain by what it was in the end: type, resources and disabled, but no state", async () => {
    const { execute, chainType, newRef } = await openType();
    const chain = newRef();
    const resource = chain.value.value.resources[0] ?? { resourceType: "", resourceId: "" };
    const { id } = await execute(two.one, chain);
    await two.one.dispatcher.deleteChain({ chain, requestedBy: "test", reason: "asked for" });
    // Never executed: nothing but the note of its deletion tells of it.
    const untouched = newRef();
    const { chain: created } = await two.one.dispatcher.getOrCreateChain({ key: untouched.value.value });
    await two.one.dispatcher.deleteChain({ chain: untouched, requestedBy: "test" });
    const last = await execute(two.one);

    const whole = [`${id} 1 TRANSITIONED`, `${id} 1 DELETED`];
    const passing = async (filter: object, count: number) => {
      const watcher = watch(two.one.dispatcher, { fromBeginning: true, filter });
      await watcher.reach(count);
      await watcher.stop();
      return watcher.events.map(told);
    };
    const all = await passing({ chainType }, 4);
    expect(all.filter((event) => event.startsWith(id))).toEqual(whole);
    expect(all).toContain(`${created?.id} 0 DELETED`);
    expect(await passing({ resource }, 2)).toEqual(whole);
    expect(await passing({ chainType, disabled: false }, 4)).toEqual(all);
    expect(await passing({ chainType, state: "sent" }, 1)).toEqual([`${last.id} 1 TRANSITIONED`]);
    expect(await passing({ chainType, due: true }, 1)).toEqual([`${last.id} 1 TRANSITIONED`]);
  });
});

test("an open write transaction, in this database or in another of the server, freezes no watcher", async () => {
  const { execute } = await openType();
  const watcher = watch(two.one.dispatcher);
  await watcher.begun;
  const elsewhere = new pg.Client({ connectionString: two.databaseUrl.replace(/[^/]+$/, "postgres") });
  await elsewhere.connect();
  await elsewhere.query("begin");
  await elsewhere.query("create temporary table t (x int)");
  await database.query("begin");
  await database.query("create temporary table t (x int)");
  const made = await execute(two.one);
  await watcher.reach(1);
  expect(watcher.events.map(({ id }) => id)).toContain(made.event?.id);
  await database.query("rollback");
  await elsewhere.query("rollback");
  await elsewhere.end();
  await watcher.stop();
});

describe("a cursor from which the stream cannot go on without a gap is refused, with the oldest one", () => {
  const refused = async (cursor: string) => {
    const error = await watch(two.one.dispatcher, { cursor }).ended;
    expect([error.code, reasonOf(error)]).toEqual([Code.FailedPrecondition, "CURSOR_EXPIRED"]);
    const [info] = error.findDetails(ErrorInfoSchema);
    expect(info?.metadata["cursor"]).toBe(cursor);
    const oldest = watch(two.one.dispatcher, { cursor: info?.metadata["oldest_cursor"] ?? "" });
    await oldest.begun;
    return { error, oldest };
  };
  const cursorNow = async () => {
    const watcher = watch(two.one.dispatcher);
    await watcher.begun;
    await watcher.stop();
    return watcher.cursor;
  };

  test("after retention has deleted what follows it", async () => {
    const { execute } = await openType();
    const before = await cursorNow();
    const gone = await execute(two.one);
    const atTheCut = await cursorNow();
    await execute(two.one);
    // As retention does, in one transaction.
    await database.query("begin");
    await database.query(
      "update dispatcher.event_head set pruned_position = (select position from dispatcher.chain_event where id = $1)",
      [gone.event?.id],
    );
    await database.query(
      "delete from dispatcher.chain_event where position <= (select pruned_position from dispatcher.event_head)",
    );
    await database.query("commit");
    const { oldest } = await refused(before);
    await oldest.reach(1);
    const rest = watch(two.one.dispatcher, { cursor: atTheCut });
    const beginning = watch(two.one.dispatcher, { fromBeginning: true });
    await Promise.all([rest.reach(1), beginning.reach(1)]);
    expect(rest.events.map(told)).toEqual(oldest.events.map(told));
    expect(beginning.events.map(told)).toEqual(oldest.events.map(told));
    await Promise.all([rest, beginning, oldest].map((watcher) => watcher.stop()));
  });

  test("after a restore: the cursor is of another epoch, and so is a stream that runs", async () => {
    const { execute } = await openType();
    const before = await cursorNow();
    const running = watch(two.one.dispatcher, { cursor: before });
    await running.begun;
    await database.query("update dispatcher.event_head set epoch = epoch + 1");
    const { error, oldest } = await refused(before);
    expect(error.message).toContain("epoch");
    await execute(two.one);
    expect(reasonOf(await running.ended)).toBe("CURSOR_EXPIRED");
    await oldest.stop();
  });

  test("after a restore of which nobody told: the cursor is ahead of the stream", async () => {
    const cursor = await cursorNow();
    const [epoch, position] = Buffer.from(cursor, "base64url").toString().split(".");
    const ahead = Buffer.from(`${epoch}.${Number(position) + 1}`).toString("base64url");
    const { error, oldest } = await refused(ahead);
    expect(error.message).toContain("position");
    await oldest.stop();
  });
});

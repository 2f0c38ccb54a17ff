import { randomUUID } from "node:crypto";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { type Clients, expectRefusal } from "../support/client.ts";
import { valid } from "../support/judged-shop.ts";
import { listeners, type Served, serve } from "../support/served.ts";
import { makeChains, sweep } from "../support/sweep.ts";
import { type Answer, startGrpcValidator, type ValidatorHost } from "../support/validator-host.ts";

let served: Served;
let clients: Clients;
beforeAll(async () => {
  served = await serve();
  clients = served.over.gRPC;
});
afterAll(() => served.end());

const invalid = { verdict: Verdict.INVALID, errors: ["not yet"] };
const outcomeNames = new Map<number, string>(
  Object.entries(Outcome).map(([name, outcome]) => [outcome, name]),
);

/** `new` -> `sent` -> `done`, judged by an application of its own. */
async function registerType(answer: Answer): Promise<{ name: string; host: ValidatorHost }> {
  const host = await startGrpcValidator(answer);
  onTestFinished(() => host.stop());
  const name = `parcel-${randomUUID()}`;
  await clients.registry.registerChainType({
    chainType: {
      name,
      validator: { url: host.url, timeout: { seconds: 20n } },
      transitions: [
        { name: "send", finalState: "sent" },
        { name: "close", finalState: "done" },
      ],
      states: [
        { name: "new", transitions: ["send"] },
        { name: "sent", transitions: ["close"] },
      ],
    },
  });
  return { name, host };
}

/** Answers wait until they are let go; counts those that wait at the same time. */
function waitingAnswer() {
  const waiting = new Set<() => void>();
  let isOpen = false;
  let most = 0;
  const answer: Answer = async () => {
    if (!isOpen) {
      await new Promise<void>((resolve) => {
        waiting.add(resolve);
        most = Math.max(most, waiting.size);
      });
    }
    return valid;
  };
  return {
    answer,
    most: () => most,
    letGo() {
      isOpen = true;
      for (const resolve of waiting) resolve();
      waiting.clear();
    },
  };
}

/** The sidecar goes on serving: what it wanted to do beside this, it had the time to do. */
async function serveOthers(chainId: string): Promise<void> {
  for (let call = 0; call < 100; call++)
    await clients.dispatcher.getChain({ chain: { value: { case: "id", value: chainId } } });
}

const stateCounts = async (chainType: string) => {
  const { rows } = await served.database.query<{ state: string; version: string; count: string }>(
    "select state, version, count(*) from dispatcher.chain where chain_type = $1 group by 1, 2 order by 1, 2",
    [chainType],
  );
  return rows.map(({ state, version, count }) => `${state} v${version}: ${count}`);
};

describe.each(listeners)("over %s", (listener) => {
  test("every chain has its own outcome, and one that fails does not stop the rest", async () => {
    const { name, host } = await registerType(({ chain }) => {
      switch (chain?.resources[0]?.resourceId) {
        case "broken":
          throw new Error("oops");
        case "no":
          return invalid;
        default:
          return valid;
      }
    });
    const { dispatcher } = served.over[listener];
    const make = async (resourceId: string) => {
      const resources = [{ resourceType: "thing", resourceId }];
      const { chain } = await dispatcher.getOrCreateChain({ key: { chainType: name, resources } });
      return chain?.id ?? "";
    };
    const ids = {
      broken: await make("broken"),
      yes: await make("yes"),
      no: await make("no"),
      disabled: await make("disabled"),
      later: await make("later"),
      final: await make("final"),
      claimed: await make("claimed"),
      other: await make("other"),
    };
    const ref = (id: string) => ({ value: { case: "id" as const, value: id } });
    await dispatcher.updateChain({
      chain: ref(ids.disabled),
      updateMask: { paths: ["disabled"] },
      disabled: true,
    });
    await dispatcher.updateChain({
      chain: ref(ids.later),
      updateMask: { paths: ["next_update_time"] },
      nextUpdateTime: timestampFromDate(new Date(Date.now() + 3_600_000)),
    });
    await dispatcher.setChainState({ chain: ref(ids.final), state: "done" });
    await dispatcher.execute({ chain: ref(ids.claimed), claim: true });
    const asked = host.calls.length;

    const told = ({ results, summary }: Awaited<ReturnType<typeof sweep>>) => ({
      chains: Object.fromEntries(
        results.map(({ chainId, response, errorReason }) => [
          Object.entries(ids).find(([, id]) => id === chainId)?.[0],
          response ? outcomeNames.get(response.outcome) : errorReason,
        ]),
      ),
      count: results.length,
      summary: summary && [summary.chains, summary.transitioned, summary.noValidTransition, summary.failed],
    });
    const wouldBe = {
      broken: "WOULD_FAIL",
      yes: "WOULD_TRANSITION",
      no: "NO_VALID_TRANSITION",
      disabled: "CHAIN_DISABLED",
      later: "NOT_DUE",
      final: "ALREADY_FINAL",
      claimed: "WOULD_TRANSITION",
      other: "WOULD_TRANSITION",
    };
    const filter = { chainType: name };
    const dry = await sweep(served.over[listener], { filter, dryRun: true });
    expect(told(dry)).toEqual({ chains: wouldBe, count: 8, summary: [8n, 3n, 1n, 3n] });
    expect(await stateCounts(name)).toEqual(["done v1: 1", "new v0: 7"]);
    expect(host.calls.slice(asked).every(({ dryRun }) => dryRun)).toBe(true);

    const request = { filter, initialContext: { from: "cron" }, requestedBy: "nightly", concurrency: 2 };
    const swept = await sweep(served.over[listener], request);
    expect(told(swept)).toEqual({
      chains: {
        ...wouldBe,
        broken: "VALIDATOR_UNAVAILABLE",
        yes: "TRANSITIONED",
        claimed: "CLAIMED",
        other: "TRANSITIONED",
      },
      count: 8,
      summary: [8n, 2n, 1n, 4n],
    });
    expect(swept.results.find(({ chainId }) => chainId === ids.broken)?.errorMessage).toContain("oops");
    const moved = swept.results.find(({ chainId }) => chainId === ids.yes)?.response;
    expect([moved?.chain?.state, moved?.transition?.name, moved?.event?.requestedBy]).toEqual([
      "sent",
      "send",
      "nightly",
    ]);
    expect(host.calls.at(-1)?.initialContext).toEqual({ from: "cron" });
  });

  test("a filter without chains comes to a summary of nothing", async () => {
    const { summary, results } = await sweep(served.over[listener], { filter: { chainType: "nothing" } });
    expect([results.length, summary?.chains]).toEqual([0, 0n]);
  });

  test("it is ended by a caller that goes away: nothing new starts, what has been started is finished", async () => {
    const held = waitingAnswer();
    const { name, host } = await registerType(held.answer);
    const [first = ""] = await makeChains(clients, name, 40);
    const caller = new AbortController();
    const answers = served.over[listener].dispatcher.executeChains(
      { filter: { chainType: name }, concurrency: 8 },
      { signal: caller.signal },
    );
    const reading = (async () => {
      for await (const _ of answers);
    })().catch((error: unknown) => ConnectError.from(error).code);
    await expect.poll(() => host.calls.length).toBe(8);
    caller.abort();
    expect(await reading).toBe(Code.Canceled);
    await serveOthers(first);
    held.letGo();
    await expect.poll(() => stateCounts(name)).toEqual(["new v0: 32", "sent v1: 8"]);
    await serveOthers(first);
    expect(host.calls).toHaveLength(8);
  });
});

test.each([
  [0, 16],
  [5, 5],
  [64, 64],
])(
  "concurrency %d: never more than %d at a time, by the application's own count",
  async (concurrency, most) => {
    const held = waitingAnswer();
    const { name, host } = await registerType(held.answer);
    const [first = ""] = await makeChains(clients, name, 150);
    const swept = sweep(clients, { filter: { chainType: name }, concurrency });
    await expect.poll(() => host.calls.length).toBe(most);
    await serveOthers(first);
    expect(host.calls).toHaveLength(most);
    held.letGo();
    expect((await swept).summary?.transitioned).toBe(150n);
    expect(held.most()).toBe(most);
  },
);

test("more than 64 at a time are refused", async () => {
  const call = sweep(clients, { filter: {}, concurrency: 65 });
  await expectRefusal(call, Code.InvalidArgument, "INVALID_REQUEST");
});

test.each(listeners)(
  "while nobody reads (%s), nothing more is executed than fits on the way",
  async (listener) => {
    const context = { text: "x".repeat(40_000) };
    const { name, host } = await registerType(() => ({ ...valid, context }));
    const [first = ""] = await makeChains(clients, name, 400);
    const answers = served.over[listener].dispatcher
      .executeChains({ filter: { chainType: name }, concurrency: 4 })
      [Symbol.asyncIterator]();
    await answers.next();
    let before = -1;
    await expect
      .poll(
        () => {
          const isStill = before === host.calls.length;
          before = host.calls.length;
          return isStill;
        },
        { interval: 300 },
      )
      .toBe(true);
    await serveOthers(first);
    expect(host.calls).toHaveLength(before);
  expect(before).toBeLessThan(200);

    let results = 1;
    for (;;) {
      const next = await answers.next();
      if (next.done) break;
      if (next.value.value.case === "result") results += 1;
    }
    expect(results).toBe(400);
    expect(host.calls).toHaveLength(400);
  },
);

test("2,000 chains, two sweeps beside each other: each chain once in a sweep, and one step by the two of them", async () => {
  const { name } = await registerType(() => valid);
  const ids = await makeChains(clients, name, 2000);
  const filter = { chainType: name, state: "new" };
  const [one, two] = await Promise.all([
    sweep(clients, { filter, concurrency: 16 }),
    sweep(served.over.JSON, { filter, concurrency: 16 }),
  ]);
  for (const { results } of [one, two])
    expect(new Set(results.map(({ chainId }) => chainId)).size).toBe(results.length);
  const moved = [...one.results, ...two.results].filter(
    ({ response }) => response?.outcome === Outcome.TRANSITIONED,
  );
  expect(moved.map(({ chainId }) => chainId).sort()).toEqual(ids.toSorted());
  expect(await stateCounts(name)).toEqual(["sent v1: 2000"]);
  const others = new Set([...one.results, ...two.results].map(({ errorReason }) => errorReason));
  for (const reason of others) expect(["", "VERSION_MISMATCH", "CONCURRENT_TRANSITION"]).toContain(reason);
});

test("2,000 due chains that do not move, two sweeps beside each other: each has all of them, each once", async () => {
  const { name, host } = await registerType(() => invalid);
  const ids = await makeChains(clients, name, 2000);
  await served.database.query(
    "update dispatcher.chain set next_update_time = create_time - random() * interval '1 day' where chain_type = $1 and random() < 0.5",
    [name],
  );
  const filter = { chainType: name, due: true };
  const sweeps = await Promise.all([
    sweep(clients, { filter }),
    sweep(served.over.JSON, { filter, concurrency: 64 }),
  ]);
  for (const { results, summary } of sweeps) {
    expect(results.map(({ chainId }) => chainId).sort()).toEqual(ids.toSorted());
    expect([summary?.noValidTransition, summary?.failed]).toEqual([2000n, 0n]);
  }
  expect(host.calls).toHaveLength(4000);
});

test("chains that are made, moved or become due while it goes on are left to the next sweep", async () => {
  const { name, host } = await registerType(async ({ chain }) => {
    await makeChains(clients, name, 1);
    // Due before anything that is still to come, and yet not again in this sweep.
    const dayAgo = new Date(Date.now() - 86_400_000);
    if (chain?.version === 0n) return { ...valid, nextUpdateTime: timestampFromDate(dayAgo) };
    return valid;
  });
  await makeChains(clients, name, 150);
  await served.database.query(
    "update dispatcher.chain set next_update_time = clock_timestamp() - interval '2 days' where chain_type = $1",
    [name],
  );
  const due = await sweep(clients, { filter: { chainType: name, due: true }, concurrency: 3 });
  expect([due.summary?.chains, due.summary?.transitioned]).toEqual([150n, 150n]);
  expect(await stateCounts(name)).toEqual(["new v0: 150", "sent v1: 150"]);

  const all = await sweep(clients, { filter: { chainType: name }, concurrency: 3 });
  expect([all.summary?.chains, all.summary?.transitioned]).toEqual([300n, 300n]);
  expect(host.calls).toHaveLength(450);
});

test("a chain whose schedule is changed by hand does not come a second time", async () => {
  const { name, host } = await registerType(async ({ chain }) => {
    await clients.dispatcher.updateChain({
      chain: { value: { case: "id", value: chain?.id ?? "" } },
      updateMask: { paths: ["next_update_time"] },
      nextUpdateTime: timestampFromDate(new Date(Date.now() - 1000)),
    });
    return invalid;
  });
  await makeChains(clients, name, 120);
  const { summary } = await sweep(clients, { filter: { chainType: name, due: true }, concurrency: 3 });
  expect([summary?.chains, host.calls.length]).toEqual([120n, 120]);
});

test("a stop ends it with a reason, after what had been started", async () => {
  const own = await serve();
  const held = waitingAnswer();
  const host = await startGrpcValidator(held.answer);
  onTestFinished(() => host.stop());
  await own.over.gRPC.registry.registerChainType({
    chainType: {
      name: "parcel",
      validator: { url: host.url, timeout: { seconds: 20n } },
      transitions: [{ name: "send", finalState: "done" }],
      states: [{ name: "new", transitions: ["send"] }],
    },
  });
  await makeChains(own.over.gRPC, "parcel", 100);
  const swept = sweep(own.over.gRPC, { filter: { chainType: "parcel" }, concurrency: 10 });
  const refused = expectRefusal(swept, Code.Unavailable, "NOT_READY");
  await expect.poll(() => host.calls.length).toBe(10);
  const ended = own.end();
  await expect
    .poll(() =>
      own.over.JSON.registry.listChainTypes({}).then(
        () => "served",
        () => "refused",
      ),
    )
    .toBe("refused");
  held.letGo();
  await refused;
  await ended;
  expect(host.calls.length).toBeLessThan(100);
});

import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { type Clients, expectRefusal } from "../support/client.ts";
import { valid } from "../support/judged-shop.ts";
import { listeners, type Served, serve } from "../support/served.ts";
import {
  makeChains,
  registerParcel,
  serveOthers,
  stateCounts,
  sweep,
  waitingAnswer,
} from "../support/sweep.ts";

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

describe.each(listeners)("over %s", (listener) => {
  test("every chain has its own outcome, and one that fails does not stop the rest", async () => {
    const { name, host } = await registerParcel(clients, ({ chain }) => {
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
    expect(await stateCounts(served.database, name)).toEqual(["done v1: 1", "new v0: 7"]);
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
    const { name, host } = await registerParcel(clients, held.answer);
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
    await serveOthers(clients, first);
    held.letGo();
    await expect.poll(() => stateCounts(served.database, name)).toEqual(["new v0: 32", "sent v1: 8"]);
    await serveOthers(clients, first);
    expect(host.calls).toHaveLength(8);
  });
});

test("a stop ends it with a reason, after what had been started", async () => {
  const own = await serve();
  const held = waitingAnswer();
  const { name, host } = await registerParcel(own.over.gRPC, held.answer);
  await makeChains(own.over.gRPC, name, 100);
  const swept = sweep(own.over.gRPC, { filter: { chainType: name }, concurrency: 10 });
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

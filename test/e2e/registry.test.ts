import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BadRequestSchema } from "../../gen/ts/google/rpc/error_details_pb.ts";
import { type Clients, reasonOf } from "../support/client.ts";
import { letter, refusal, startTwoSidecars, type TwoSidecars, unique } from "../support/two-sidecars.ts";
import type { ValidatorHost } from "../support/validator-host.ts";

let started: TwoSidecars;
let one: Clients;
let two: Clients;
let host: ValidatorHost;

beforeAll(async () => {
  started = await startTwoSidecars();
  ({ one, two, host } = started);
});
afterAll(() => started.end());

const byId = (id: string) => ({ value: { case: "id" as const, value: id } });

describe("revisions", () => {
  test("new content is a new revision; content that is stored already changes nothing", async () => {
    const name = unique("letter");
    const [v1, v2] = [letter(name), { ...letter(name), validator: { url: host.url } }];
    expect(await one.registry.registerChainType({ chainType: v1 })).toMatchObject({
      created: true,
      current: { revision: 1n },
    });
    expect(await two.registry.registerChainType({ chainType: v2 })).toMatchObject({
      created: true,
      current: { revision: 2n },
    });
    // A restarting pod of the old version must not flip it back.
    expect(await one.registry.registerChainType({ chainType: v1 })).toMatchObject({
      created: false,
      current: { revision: 2n },
    });
    expect(await two.registry.getChainType({ name, revision: 1n })).toMatchObject({
      revision: { revision: 1n },
      currentRevision: 2n,
    });
  });

  test("every replica acts on a new revision within a second", async () => {
    const name = unique("letter");
    await one.registry.registerChainType({ chainType: letter(name) });
    await one.registry.registerChainType({
      chainType: { ...letter(name), validator: { url: host.url } },
    });
    await expect
      .poll(async () => (await two.registry.getChainType({ name })).currentRevision, {
        timeout: 1_000,
        interval: 50,
      })
      .toBe(2n);
  });

  test("an unknown type is looked up once before it is refused", async () => {
    const name = unique("letter");
    await one.registry.registerChainType({ chainType: letter(name) });
    const key = { chainType: name, resources: [{ resourceType: "a", resourceId: "b" }] };
    expect((await two.dispatcher.getOrCreateChain({ key })).created).toBe(true);
    const error = await refusal(
      two.dispatcher.getOrCreateChain({ key: { ...key, chainType: unique("no") } }),
    );
    expect([error.code, reasonOf(error)]).toEqual([Code.NotFound, "CHAIN_TYPE_NOT_FOUND"]);
  });

  test("a revision that removes a state in which chains stand is refused with their count", async () => {
    const name = unique("letter");
    const chainType = { ...letter(name), validator: { url: host.url } };
    await one.registry.registerChainType({ chainType });
    for (const resourceId of ["1", "2", "3"]) {
      const key = { chainType: name, resources: [{ resourceType: "letter", resourceId }] };
      await one.dispatcher.execute({ chain: { value: { case: "key", value: key } }, createIfAbsent: true });
    }
    const without = { ...letter(name, "posted"), validator: { url: host.url } };
    const planned = await one.registry.registerChainType({ chainType: without, validateOnly: true });
    expect(planned).toMatchObject({ created: true, removedStates: [{ state: "sent", chains: 3n }] });
    const error = await refusal(one.registry.registerChainType({ chainType: without }));
    expect([error.code, reasonOf(error)]).toEqual([Code.FailedPrecondition, "STATES_IN_USE"]);
    expect(error.rawMessage).toContain('"sent" (3 chains)');
    expect((await one.registry.getChainType({ name })).currentRevision).toBe(1n);
  });

  test("all problems of a definition are told at once, each with its place", async () => {
    const chainType = {
      name: unique("bad"),
      validator: { url: "gopher://x" },
      transitions: [
        { name: "send", finalState: "sent" },
        { name: "send", finalState: "sent" },
        { name: "unused", finalState: "x" },
      ],
      states: [
        { name: "new", transitions: ["send", "missing"] },
        { name: "island", transitions: ["send"] },
      ],
    };
    const error = await refusal(one.registry.registerChainType({ chainType }));
    expect([error.code, reasonOf(error)]).toEqual([Code.InvalidArgument, "INVALID_DEFINITION"]);
    const fields = error
      .findDetails(BadRequestSchema)
      .flatMap((details) => details.fieldViolations.map(({ field }) => field));
    expect(fields.sort()).toEqual([
      "chain_type.states[0].transitions[1]",
      "chain_type.states[1].name",
      "chain_type.transitions[1].name",
      "chain_type.transitions[2].name",
      "chain_type.validator.url",
    ]);
  });

  test("retention is part of the content", async () => {
    const retention = { deleteEventsAfter: { seconds: 7200n }, forgetAfter: { seconds: 86_400n } };
    const chainType = { ...letter(unique("letter")), retention };
    expect(await one.registry.registerChainType({ chainType })).toMatchObject({
      created: true,
      current: { chainType: { retention } },
    });
  });

  test("deleted only without chains", async () => {
    const name = unique("letter");
    await one.registry.registerChainType({ chainType: letter(name) });
    const key = { chainType: name, resources: [{ resourceType: "a", resourceId: "b" }] };
    const { chain } = await one.dispatcher.getOrCreateChain({ key });
    expect(reasonOf(await refusal(one.registry.deleteChainType({ name })))).toBe("CHAIN_TYPE_IN_USE");
    await one.dispatcher.deleteChain({ chain: byId(chain?.id ?? "") });
    await one.registry.deleteChainType({ name });
    expect(reasonOf(await refusal(one.registry.getChainType({ name })))).toBe("CHAIN_TYPE_NOT_FOUND");
    // The other sidecar may not have heard of it yet, and makes no chain of it all the same.
    expect(reasonOf(await refusal(two.dispatcher.getOrCreateChain({ key })))).toBe("CHAIN_TYPE_NOT_FOUND");
  });

  test("listed by name, page by page", async () => {
    for (const name of ["zz-1", "zz-2", "zz-\u{10000}", "zz-\uffff"]) {
      await one.registry.registerChainType({ chainType: letter(name) });
    }
    const names: string[] = [];
    let pageToken = "";
    do {
      const page = await one.registry.listChainTypes({ pageSize: 2, pageToken });
      names.push(...page.chainTypes.map(({ chainType }) => chainType?.name ?? ""));
      pageToken = page.nextPageToken;
    } while (pageToken);
    expect(names.filter((name) => name.startsWith("zz-"))).toEqual([
      "zz-1",
      "zz-2",
      "zz-\uffff",
      "zz-\u{10000}",
    ]);
    expect(new Set(names).size).toBe(names.length);
  });
});

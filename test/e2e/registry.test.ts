import { randomUUID } from "node:crypto";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { BadRequestSchema } from "../../gen/ts/google/rpc/error_details_pb.ts";
import { type Clients, createClients, reasonOf } from "../support/client.ts";
import { createTestDatabase } from "../support/database.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { startGrpcValidator, type ValidatorHost } from "../support/validator-host.ts";

let sidecars: Sidecar[];
let one: Clients;
let two: Clients;
let host: ValidatorHost;

beforeAll(async () => {
  const databaseUrl = await createTestDatabase();
  const env = { DISPATCHER_ENDPOINT_ALLOW: "validators.example:*" };
  sidecars = await Promise.all([1, 2].map(() => startSidecar({ databaseUrl, env })));
  [one, two] = sidecars.map(({ grpc }) => createClients(grpc)) as [Clients, Clients];
  host = await startGrpcValidator(() => ({ verdict: Verdict.VALID }));
});
afterAll(async () => {
  await host.stop();
  await Promise.all(sidecars.map((sidecar) => sidecar.stop()));
});

const definition = (name: string, finalState = "sent") => ({
  name,
  transitions: [
    { name: "send", finalState },
    { name: "close", finalState: "done" },
  ],
  states: [
    { name: "new", transitions: ["send"] },
    { name: finalState, transitions: ["close"] },
  ],
});
const unique = (what: string) => `${what}-${randomUUID()}`;
const byId = (id: string) => ({ value: { case: "id" as const, value: id } });

async function refusal(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => expect.fail("it was not refused"),
    (error: unknown) => ConnectError.from(error),
  );
}

describe("revisions", () => {
  test("new content is a new revision; content that is stored already changes nothing", async () => {
    const name = unique("letter");
    const [v1, v2] = [definition(name), { ...definition(name), validator: { url: host.url } }];
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
    await one.registry.registerChainType({ chainType: definition(name) });
    await one.registry.registerChainType({
      chainType: { ...definition(name), validator: { url: host.url } },
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
    await one.registry.registerChainType({ chainType: definition(name) });
    const key = { chainType: name, resources: [{ resourceType: "a", resourceId: "b" }] };
    expect((await two.dispatcher.getOrCreateChain({ key })).created).toBe(true);
    const error = await refusal(
      two.dispatcher.getOrCreateChain({ key: { ...key, chainType: unique("no") } }),
    );
    expect([error.code, reasonOf(error)]).toEqual([Code.NotFound, "CHAIN_TYPE_NOT_FOUND"]);
  });

  test("a revision that removes a state in which chains stand is refused with their count", async () => {
    const name = unique("letter");
    const chainType = { ...definition(name), validator: { url: host.url } };
    await one.registry.registerChainType({ chainType });
    for (const resourceId of ["1", "2", "3"]) {
      const key = { chainType: name, resources: [{ resourceType: "letter", resourceId }] };
      await one.dispatcher.execute({ chain: { value: { case: "key", value: key } }, createIfAbsent: true });
    }
    const without = { ...definition(name, "posted"), validator: { url: host.url } };
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

  test.each([
    ["auto_execute", { autoExecute: {} }],
    ["retention", { retention: { deleteEventsAfter: { seconds: 7200n } } }],
  ])("what this version would not carry out is refused: %s", async (what, part) => {
    const cycleFree = { ...definition(unique("later")), ...part };
    const error = await refusal(one.registry.registerChainType({ chainType: cycleFree }));
    expect([error.code, reasonOf(error)]).toEqual([Code.Unimplemented, "NOT_IMPLEMENTED"]);
    expect(error.rawMessage).toContain(what);
  });

  test("deleted only without chains", async () => {
    const name = unique("letter");
    await one.registry.registerChainType({ chainType: definition(name) });
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
      await one.registry.registerChainType({ chainType: definition(name) });
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

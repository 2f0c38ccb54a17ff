import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CallbackMode } from "../../gen/ts/dispatcher/v1/chain_type_pb.ts";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { EndpointSource } from "../../gen/ts/dispatcher/v1/registry_service_pb.ts";
import { Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { type Clients, reasonOf } from "../support/client.ts";
import { letter, refusal, startTwoSidecars, type TwoSidecars, unique } from "../support/two-sidecars.ts";
import { startGrpcValidator, startHttpValidator, type ValidatorHost } from "../support/validator-host.ts";

let started: TwoSidecars;
let sidecars: TwoSidecars["sidecars"];
let one: Clients;
let two: Clients;
let host: ValidatorHost;

beforeAll(async () => {
  started = await startTwoSidecars();
  ({ sidecars, one, two, host } = started);
});
afterAll(() => started.end());

describe("endpoints", () => {
  test("a local one is this sidecar's alone and wins; a shared one is everybody's", async () => {
    const name = unique("letter");
    const chainType = { ...letter(name), validator: { url: "grpc://127.0.0.1:9999" } };
    await one.registry.registerChainType({ chainType });
    const shared = "grpc://validators.example:9000";
    expect(await one.registry.registerValidator({ chainType: name, endpoint: shared })).toMatchObject({
      local: false,
    });
    expect(
      await one.registry.registerValidator({ chainType: name, transitions: ["send"], endpoint: host.url }),
    ).toMatchObject({ local: true });
    const inForce = async ({ registry }: Clients) =>
      (await registry.listValidators({ chainType: name })).validators.map(({ endpoint, source }) => [
        endpoint?.url,
        source,
      ]);
    expect(await inForce(one)).toEqual([
      [host.url, EndpointSource.LOCAL],
      [shared, EndpointSource.SHARED],
    ]);
    await expect
      .poll(() => inForce(two), { timeout: 1_000 })
      .toEqual([
        [shared, EndpointSource.SHARED],
        [shared, EndpointSource.SHARED],
      ]);

    const other = { chainType: name, transitions: ["send"], endpoint: "grpc://127.0.0.1:1" };
    expect(await one.registry.unregisterValidator(other)).toMatchObject({ removed: 0 });
    expect(await one.registry.unregisterValidator({ ...other, endpoint: host.url })).toMatchObject({
      removed: 1,
    });
    expect(await one.registry.unregisterValidator({ chainType: name })).toMatchObject({ removed: 1 });
    expect((await inForce(one))[0]).toEqual(["grpc://127.0.0.1:9999", EndpointSource.DEFINITION]);
  });

  test.each([
    ["another machine", "grpc://10.0.0.9:50051", Code.PermissionDenied, "ENDPOINT_NOT_ALLOWED"],
    ["the metadata service", "http://169.254.169.254", Code.PermissionDenied, "ENDPOINT_NOT_ALLOWED"],
    ["no scheme of ours", "file:///etc/passwd", Code.InvalidArgument, "INVALID_REQUEST"],
    ["credentials", "http://user:secret@127.0.0.1:80/", Code.InvalidArgument, "INVALID_REQUEST"],
    ["no port", "grpc://127.0.0.1", Code.InvalidArgument, "INVALID_REQUEST"],
  ])("refused: %s", async (_, endpoint, code, reason) => {
    const name = unique("letter");
    await one.registry.registerChainType({ chainType: letter(name) });
    const error = await refusal(one.registry.registerValidator({ chainType: name, endpoint }));
    expect([error.code, reasonOf(error)]).toEqual([code, reason]);
    expect(error.rawMessage).not.toContain("secret");
    expect((await one.registry.listValidators({ chainType: name })).validators[0]?.endpoint).toBeUndefined();
  });

  test("refused: the sidecar's own listeners", async () => {
    const name = unique("letter");
    await one.registry.registerChainType({ chainType: letter(name) });
    for (const own of [
      sidecars[0]?.grpc,
      sidecars[0]?.http,
      sidecars[0]?.operations.replace("0.0.0.0", "localhost"),
    ]) {
      const error = await refusal(
        one.registry.registerValidator({ chainType: name, endpoint: `grpc://${own}` }),
      );
      expect(reasonOf(error)).toBe("ENDPOINT_NOT_ALLOWED");
    }
  });

  test("refused: an unknown transition", async () => {
    const name = unique("letter");
    await one.registry.registerChainType({ chainType: letter(name) });
    const request = { chainType: name, transitions: ["nope"], endpoint: host.url };
    expect(reasonOf(await refusal(one.registry.registerValidator(request)))).toBe("TRANSITION_NOT_FOUND");
  });

  test("a callback is registered and shown, and known to every sidecar, also one on a local endpoint", async () => {
    const name = unique("letter");
    await one.registry.registerChainType({
      chainType: { ...letter(name), validator: { url: host.url } },
    });
    await one.registry.registerCallback({
      chainType: name,
      endpoint: "http://127.0.0.1:9/effects",
      mode: CallbackMode.AFTER_COMMIT,
    });
    expect((await one.registry.listCallbacks({ chainType: name })).callbacks).toMatchObject([
      { transition: "send", callback: { mode: CallbackMode.AFTER_COMMIT }, source: EndpointSource.LOCAL },
      { transition: "close" },
    ]);
    // Every sidecar knows of it, or one would move a chain without its effect.
    await expect
      .poll(async () => (await two.registry.listCallbacks({ chainType: name })).callbacks.length)
      .toBe(2);
    const key = { chainType: name, resources: [{ resourceType: "a", resourceId: "b" }] };
    const chain = { value: { case: "key" as const, value: key } };
    expect((await two.dispatcher.execute({ chain, createIfAbsent: true })).outcome).toBe(
      Outcome.TRANSITIONED,
    );
    const { deliveries } = await one.operations.listDeliveries({});
    expect(deliveries).toMatchObject([{ chainType: name, transition: "send", version: 1n }]);
    await one.registry.unregisterCallback({ chainType: name });
    expect((await one.registry.listCallbacks({ chainType: name })).callbacks).toEqual([]);
  });
});

test("a callback that could outlast its claim is refused, wherever it is registered", async () => {
  const name = unique("letter");
  await one.registry.registerChainType({ chainType: letter(name) });
  const error = await refusal(
    one.registry.registerCallback({
      chainType: name,
      endpoint: "http://127.0.0.1:9/effects",
      timeout: { seconds: 11n },
      mode: CallbackMode.BEFORE_COMMIT,
    }),
  );
  expect([error.code, reasonOf(error)]).toEqual([Code.InvalidArgument, "INVALID_REQUEST"]);
  expect(error.rawMessage).toContain("at most 10 s");
});

describe("CheckValidator says in words what is wrong", () => {
  test.each<[string, () => Promise<{ url: string; stop?: () => Promise<void> }>, boolean, RegExp]>([
    [
      "usable",
      () => startHttpValidator(() => ({ verdict: Verdict.INVALID, errors: ["not today"] })),
      true,
      /INVALID \(not today\)/,
    ],
    [
      "nothing listens",
      async () => ({ url: "grpc://127.0.0.1:1" }),
      false,
      /refused the connection.*start the validator/,
    ],
    ["no verdict", () => startGrpcValidator(() => ({})), false, /without a verdict.*VERDICT_VALID/],
  ])("%s", async (_, start, usable, words) => {
    const name = unique("letter");
    await one.registry.registerChainType({ chainType: letter(name) });
    const validator = await start();
    const checked = await one.registry.checkValidator({
      chainType: name,
      transition: "send",
      endpoint: validator.url,
    });
    expect(checked).toMatchObject({ usable, endpoint: { url: validator.url } });
    expect(checked.explanation).toMatch(words);
    await validator.stop?.();
  });

  test("no endpoint at all", async () => {
    const name = unique("letter");
    await one.registry.registerChainType({ chainType: letter(name) });
    const checked = await one.registry.checkValidator({ chainType: name, transition: "send" });
    expect(checked).toMatchObject({ usable: false });
    expect(checked.explanation).toContain("call RegisterValidator");
  });
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HandleTransitionRequestSchema } from "../../gen/ts/dispatcher/callback/v1/callback_service_pb.ts";
import { type CallbackClient, createCallbackClient } from "../../src/outbound/callback-client.ts";
import { effectToBytes } from "../../src/outbound/effect.ts";
import {
  type CallbackHost,
  type React,
  startGrpcCallback,
  startHttpCallback,
} from "../support/callback-host.ts";
import { createAuthority } from "../support/certificate.ts";
import { effect, effectMessage } from "../support/effect.ts";

const authority = createAuthority();
const tls = authority.issue({ names: ["localhost"] });
const folder = mkdtempSync(join(tmpdir(), "callback-"));

const limits = (attempt = 1) => ({ signal: new AbortController().signal, defaultTimeoutMs: 5000, attempt });

let client: CallbackClient;
beforeAll(() => {
  client = createCallbackClient({ ca: Buffer.from(authority.cert) });
});
afterAll(async () => {
  await client.close();
  rmSync(folder, { recursive: true });
});

const kinds: [string, (react?: React) => Promise<CallbackHost>][] = [
  ["grpc", (react) => startGrpcCallback(react)],
  ["grpcs", (react) => startGrpcCallback(react, { tls })],
  ["unix", (react) => startGrpcCallback(react, { socketPath: join(folder, `${Math.random()}.sock`) })],
  ["http", (react) => startHttpCallback(react)],
  ["https", (react) => startHttpCallback(react, { tls })],
];

describe.each(kinds)("%s", (scheme, start) => {
  const isHttp = scheme.startsWith("http");

  test("all of the effect arrives, with the fencing token and the attempt", async () => {
    const host = await start();
    expect(host.url).toMatch(`${scheme}://`);
    const result = await client.deliver({ url: host.url }, effectMessage, limits(7));
    expect(result).toEqual({ kind: "done", durationMs: expect.any(Number) });
    expect(result.durationMs).toBeGreaterThan(0);
    expect(host.calls).toHaveLength(1);
    const [call] = host.calls;
    expect(call?.request).toMatchObject({
      deliveryId: `${effect.chain.id}:4:pay`,
      fencingToken: 9n,
      chain: {
        id: effect.chain.id,
        chainType: "order",
        state: "new",
        version: 3n,
        resources: [
          { resourceType: "customer", resourceId: "Zoë" },
          { resourceType: "order", resourceId: "1" },
        ],
      },
      transition: {
        name: "pay",
        fromState: "new",
        finalState: "paid",
        context: { amount: 12.5, lines: [{ sku: "a" }, null] },
      },
      callbackContext: { locale: "nl", "": true },
      requestedBy: "test",
    });
    expect(call?.metadata).toMatchObject({ "dispatcher-attempt": "7" });
    await host.stop();
  });

  test("the same bytes come at every attempt, also by another client", async () => {
    const host = await start();
    const other = createCallbackClient({ ca: Buffer.from(authority.cert) });
    await client.deliver({ url: host.url }, effectMessage, limits(1));
    await client.deliver({ url: host.url }, { ...effectMessage }, limits(2));
    await other.deliver({ url: host.url }, effectMessage, limits(30));
    const [first, ...others] = host.calls.map(({ bytes }) => bytes.toString("hex"));
    expect(first?.length).toBeGreaterThan(100);
    expect(others).toEqual([first, first]);
    expect(host.calls.map(({ metadata }) => metadata["dispatcher-attempt"])).toEqual(["1", "2", "30"]);
    await other.close();
    await host.stop();
  });

  test("the receiver is told how much time there is", async () => {
    const host = await start();
    const endpoint = { url: host.url };
    await client.deliver(endpoint, effectMessage, limits());
    await client.deliver({ ...endpoint, timeoutMs: 9000 }, effectMessage, limits());
    const deadlineMs = performance.now() + 800;
    await client.deliver({ ...endpoint, timeoutMs: 9000 }, effectMessage, { ...limits(), deadlineMs });
    const between = (low: number, high: number) =>
      expect.toSatisfy((ms: number) => ms > low && ms <= high, `above ${low}, at most ${high}`);
    expect(host.calls.map(({ timeoutMs }) => timeoutMs)).toEqual([
      between(4500, 5000),
      between(8500, 9000),
      between(100, 800),
    ]);
    await host.stop();
  });

  test("an error of the receiver is a failure, with its words", async () => {
    const host = await start(() => ({ kind: "error", message: "the mail server is down" }));
    expect(await client.deliver({ url: host.url }, effectMessage, limits())).toEqual({
      kind: "failed",
      reason: "FAILED",
      message: expect.stringMatching(
        /^\S+ answered (HTTP 500|the gRPC status UNKNOWN) \("the mail server is down"\): see the callback receiver's log$/,
      ),
      durationMs: expect.any(Number),
      retryAfterMs: undefined,
    });
    expect(host.calls).toHaveLength(1);
    await host.stop();
  });

  test("one that hangs leaves it open whether it is done, and is not asked again", async () => {
    const host = await start(() => ({ kind: "hang" }));
    expect(await client.deliver({ url: host.url, timeoutMs: 300 }, effectMessage, limits())).toEqual({
      kind: "unanswered",
      reason: "TIMEOUT",
      message: `${host.url} did not answer within 300 ms: make it faster, or register it with a longer timeout`,
      durationMs: expect.toSatisfy((ms: number) => ms > 250 && ms < 1500),
    });
    expect(host.calls).toHaveLength(1);
    await host.stop();
  });

  test("one that hangs and then goes on is done", async () => {
    const host = await start(() => ({ kind: "hang" }));
    const delivery = client.deliver({ url: host.url }, effectMessage, limits());
    await expect.poll(() => host.calls.length).toBe(1);
    host.release();
    expect(await delivery).toMatchObject({ kind: "done" });
    await host.stop();
  });

  test("a connection that breaks after the request leaves it open too", async () => {
    const host = await start(() => ({ kind: "break" }));
    expect(await client.deliver({ url: host.url }, effectMessage, limits())).toMatchObject({
      kind: "unanswered",
      reason: "UNREACHABLE",
      message: expect.stringMatching(
        /broke the connection before the answer.*: see the callback receiver's log$/,
      ),
    });
    expect(host.calls).toHaveLength(1);
    await host.stop();
  });

  test("a kept connection that breaks amid a later call leaves that one open", async () => {
    const reactions = ["done", "break", "done"] as const;
    const host = await start(() => ({ kind: reactions[host.calls.length - 1] ?? "hang" }));
    const kinds: string[] = [];
    for (const _ of reactions) {
      const { kind } = await client.deliver({ url: host.url }, effectMessage, limits());
      kinds.push(kind);
    }
    expect(kinds).toEqual(["done", "unanswered", "done"]);
    expect(host.calls).toHaveLength(3);
    await host.stop();
  });

  test("a delivery that is cancelled under way is open, and ends at once", async () => {
    const host = await start(() => ({ kind: "hang" }));
    const controller = new AbortController();
    const delivery = client.deliver({ url: host.url }, effectMessage, {
      ...limits(),
      signal: controller.signal,
    });
    await expect.poll(() => host.calls.length).toBe(1);
    controller.abort(new Error("shutting down"));
    expect(await delivery).toMatchObject({
      kind: "unanswered",
      reason: "CANCELLED",
      message: expect.stringContaining(`${host.url} had not answered`),
      durationMs: expect.toSatisfy((ms: number) => ms < 4000),
    });
    await host.stop();
  });

  test("connections are reused", async () => {
    const host = await start();
    for (let call = 0; call < 20; call += 1)
      expect(await client.deliver({ url: host.url }, effectMessage, limits())).toMatchObject({
        kind: "done",
      });
    expect(host.calls).toHaveLength(20);
    // Over HTTP a connection is free again a moment after its answer is read.
    expect(host.connections()).toBeLessThanOrEqual(isHttp ? 2 : 1);
    await host.stop();
  });
});

test("an HTTP endpoint with a path is POSTed to as it stands", async () => {
  const host = await startHttpCallback(undefined, { path: "/hooks/effect" });
  expect(await client.deliver({ url: host.url }, effectMessage, limits())).toMatchObject({ kind: "done" });
  expect(host.calls).toHaveLength(1);
  await host.stop();
});

describe("the stored bytes", () => {
  test("have no fencing token, and are the same for the same effect", () => {
    const request = fromBinary(HandleTransitionRequestSchema, effectToBytes(effect));
    expect(request).toMatchObject({ deliveryId: effect.deliveryId, fencingToken: 0n });
    expect(effectToBytes(structuredClone(effect))).toEqual(effectToBytes(effect));
  });

  test("hold an effect with next to nothing in it, and large numbers", async () => {
    const host = await startGrpcCallback();
    const { chain, transition } = effect;
    const body = effectToBytes({
      ...effect,
      chain: { ...chain, version: Number.MAX_SAFE_INTEGER, resources: [] },
      transition: { ...transition, context: {} },
      callbackContext: {},
      requestedBy: "",
    });
    const message = { body, fencingToken: Number.MAX_SAFE_INTEGER };
    expect(await client.deliver({ url: host.url }, message, limits())).toMatchObject({ kind: "done" });
    expect(host.calls[0]?.request).toMatchObject({
      fencingToken: BigInt(Number.MAX_SAFE_INTEGER),
      chain: { version: BigInt(Number.MAX_SAFE_INTEGER), resources: [] },
      transition: { context: {} },
      callbackContext: {},
      requestedBy: "",
    });
    await host.stop();
  });
});

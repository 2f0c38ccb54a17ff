import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { DeliveryResult } from "../../src/outbound/callback-client.ts";
import { Destination, DESTINATION_LIMITS as limits } from "../../src/outbound/destination.ts";
import { Destinations } from "../../src/outbound/destinations.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const done: DeliveryResult = { kind: "done", durationMs: 1 };
const failed = (reason: "FAILED" | "REFUSED" | "UNREACHABLE"): DeliveryResult => ({
  kind: "failed",
  reason,
  message: "no",
  durationMs: 1,
});
const unanswered: DeliveryResult = { kind: "unanswered", reason: "TIMEOUT", message: "no", durationMs: 1 };

async function callTimes(destination: Destination, times: number, result: DeliveryResult): Promise<void> {
  for (let at = 0; at < times; at += 1) await destination.call(async () => result);
}

/** A call that ends when its result is given. */
function openCall(destination: Destination) {
  const { promise, resolve } = Promise.withResolvers<DeliveryResult>();
  return { result: destination.call(() => promise), end: resolve };
}

describe("a destination", () => {
  test("gets so many calls at once, and no more are made", async () => {
    const destination = new Destination(false, limits);
    expect(destination.free()).toBe(32);
    const calls = Array.from({ length: 32 }, () => openCall(destination));
    expect(destination.free()).toBe(0);
    let made = 0;
    expect(await destination.call(async () => ({ ...done, durationMs: ++made }))).toBeUndefined();
    expect(made).toBe(0);
    calls[0]?.end(done);
    expect(await calls[0]?.result).toEqual(done);
    expect(destination.free()).toBe(1);
    for (const { end } of calls) end(done);
    await Promise.all(calls.map(({ result }) => result));
    expect(destination.free()).toBe(32);
  });

  test.each([
    ["errors", failed("FAILED")],
    ["timeouts", unanswered],
    ["refused connections", failed("UNREACHABLE")],
  ])("is left alone after 5 %s in a row, until one call shows that it is well", async (_, result) => {
    const destination = new Destination(false, limits);
    await callTimes(destination, 4, result);
    await callTimes(destination, 1, done);
    await callTimes(destination, 4, result);
    expect(destination.free()).toBe(32);
    await callTimes(destination, 1, result);
    vi.advanceTimersByTime(59_999);
    expect(destination.free()).toBe(0);

    vi.advanceTimersByTime(1);
    expect(destination.free()).toBe(1);
    const bad = openCall(destination);
    expect(destination.free()).toBe(0);
    bad.end(result);
    expect(await bad.result).toEqual(result);
    expect(destination.free()).toBe(0);

    vi.advanceTimersByTime(60_000);
    const good = openCall(destination);
    expect(destination.free()).toBe(0);
    good.end(done);
    await good.result;
    expect(destination.free()).toBe(32);
  });

  test("that refuses messages by itself is well", async () => {
    const destination = new Destination(false, limits);
    await callTimes(destination, 20, failed("REFUSED"));
    expect(destination.free()).toBe(32);
  });

  test("that is local and was not there is asked again after a while, by one call; it is not unwell", async () => {
    const destination = new Destination(true, limits);
    for (let at = 0; at < 7; at += 1) {
      await callTimes(destination, 1, failed("UNREACHABLE"));
      expect(destination.free()).toBe(0);
      vi.advanceTimersByTime(5_000);
      expect(destination.free()).toBe(1);
    }
    await callTimes(destination, 1, done);
    expect(destination.free()).toBe(32);
    await callTimes(destination, 5, failed("FAILED"));
    expect(destination.free()).toBe(0);
  });

  test("goes on after a call that threw", async () => {
    const destination = new Destination(true, limits);
    await expect(destination.call(() => Promise.reject(new Error("bug")))).rejects.toThrow("bug");
    expect(destination.free()).toBe(32);
  });
});

test("destinations are told apart by their endpoints, and forgotten with them", async () => {
  const destinations = new Destinations(limits);
  const one = destinations.get("http://127.0.0.1:1/a");
  expect(one.isLocal).toBe(true);
  expect(destinations.get("unix:///run/app.sock").isLocal).toBe(true);
  expect(destinations.get("grpc://app.example:1").isLocal).toBe(false);
  await callTimes(one, 1, failed("UNREACHABLE"));
  expect(destinations.get("http://127.0.0.1:1/b").free()).toBe(32);
  destinations.keepOnly(new Set(["http://127.0.0.1:1/a"]));
  expect(destinations.get("http://127.0.0.1:1/a")).toBe(one);
  destinations.keepOnly(new Set());
  expect(destinations.get("http://127.0.0.1:1/a").free()).toBe(32);
});

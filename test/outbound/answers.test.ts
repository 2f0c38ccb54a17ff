import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Verdict as Answer } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { createValidatorClient, type ValidatorClient } from "../../src/outbound/validator-client.ts";
import { question } from "../support/question.ts";
import { startGrpcValidator, type ValidateResponseInit } from "../support/validator-host.ts";

const limits = () => ({ signal: new AbortController().signal });

let client: ValidatorClient;
beforeAll(() => {
  client = createValidatorClient();
});
afterAll(() => client.close());

/** What comes of a gRPC validator's answer. */
async function verdictOn(answer: ValidateResponseInit) {
  const host = await startGrpcValidator(() => answer);
  const verdict = await client.validate({ url: host.url }, question, limits());
  await host.stop();
  return verdict;
}

/** What comes of an HTTP validator's answer. */
async function verdictOnJson(body: string) {
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": 'Application/JSON; charset="UTF-8"' });
    response.end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const verdict = await client.validate({ url: `http://127.0.0.1:${port}` }, question, limits());
  server.closeAllConnections();
  server.close();
  return verdict;
}

const at = (seconds: number | bigint, nanos = 0) => ({ seconds: BigInt(seconds), nanos });
const FIRST_SECOND = -62_135_596_800n;
const LAST_SECOND = 253_402_300_799n;

describe("times", () => {
  test.each<[string, ReturnType<typeof at>, string]>([
    ["is rounded up", at(1, 1), "1970-01-01T00:00:01.001Z"],
    ["is rounded up over the second", at(1, 999_999_999), "1970-01-01T00:00:02.000Z"],
    ["stays on the millisecond", at(1, 5_000_000), "1970-01-01T00:00:01.005Z"],
    ["the first", at(FIRST_SECOND), "0001-01-01T00:00:00.000Z"],
    ["the last", at(LAST_SECOND, 999_000_000), "9999-12-31T23:59:59.999Z"],
  ])("%s", async (_, time, expected) => {
    expect(await verdictOn({ verdict: Answer.VALID, nextUpdateTime: time })).toMatchObject({
      kind: "VALID",
      nextUpdateTime: new Date(expected),
    });
    expect(await verdictOn({ verdict: Answer.INVALID, notBefore: time })).toMatchObject({
      kind: "INVALID",
      notBefore: new Date(expected),
    });
  });

  test.each<[string, ReturnType<typeof at>]>([
    ["before the year 1", at(FIRST_SECOND - 1n)],
    ["after the year 9999", at(LAST_SECOND + 1n)],
    ["after it by rounding", at(LAST_SECOND, 999_000_001)],
    ["far out", at(2n ** 63n - 1n)],
    ["negative nanos", at(1, -1)],
    ["nanos of more than a second", at(1, 1_000_000_000)],
  ])("%s cannot be stored", async (_, time) => {
    const unstorable = { kind: "ERROR", reason: "NOT_STORABLE" };
    expect(await verdictOn({ verdict: Answer.VALID, nextUpdateTime: time })).toMatchObject(unstorable);
    expect(await verdictOn({ verdict: Answer.INVALID, notBefore: time })).toMatchObject(unstorable);
  });
});

test("fields that do not go with the verdict are ignored", async () => {
  const broken = { errors: ["x"], context: { a: "\0" }, notBefore: at(LAST_SECOND + 1n) };
  expect(await verdictOn({ ...broken, context: { a: 1 }, verdict: Answer.VALID })).toEqual({
    kind: "VALID",
    context: { a: 1 },
    nextUpdateTime: undefined,
    durationMs: expect.any(Number),
  });
  expect(
    await verdictOn({
      ...broken,
      notBefore: at(1),
      nextUpdateTime: at(LAST_SECOND + 1n),
      verdict: Answer.INVALID,
    }),
  ).toEqual({ kind: "INVALID", errors: ["x"], notBefore: new Date(1000), durationMs: expect.any(Number) });
});

test("errors are kept up to 64, each up to 4 KiB on a character's boundary", async () => {
  const errors = [
    `${"é".repeat(3000)}`,
    "a\0b",
    ...Array.from({ length: 80 }, (_, index) => `error ${index}`),
  ];
  const verdict = await verdictOn({ verdict: Answer.INVALID, errors });
  if (verdict.kind !== "INVALID") throw new Error(verdict.kind);
  expect(verdict.errors).toHaveLength(64);
  expect(verdict.errors.slice(0, 3)).toEqual(["é".repeat(2048), "a\uFFFDb", "error 0"]);
});

test("INVALID without any error is an answer", async () => {
  expect(await verdictOn({ verdict: Answer.INVALID })).toMatchObject({ kind: "INVALID", errors: [] });
});

describe("context", () => {
  const nested = (depth: number): JsonValue => (depth === 0 ? {} : { a: nested(depth - 1) });

  test.each<[string, JsonObject]>([
    ["NaN", { a: Number.NaN }],
    ["an infinity", { a: [Number.NEGATIVE_INFINITY] }],
    ["U+0000", { a: { b: "x\0" } }],
    ["U+0000 in a key", { "a\0": 1 }],
  ])("%s cannot be stored, and the place is named", async (_, context) => {
    const verdict = await verdictOn({ verdict: Answer.VALID, context });
    expect(verdict).toMatchObject({
      kind: "ERROR",
      reason: "NOT_STORABLE",
      message: expect.stringContaining("context"),
    });
  });

  test("every other character, number and nesting comes through", async () => {
    const context: Record<string, JsonValue> = {
      text: "\u0001\u001F\u007F \u2028 é e\u0301 \u{10FFFF} \uFFFF",
      numbers: [0, -1, 1e308, 5e-324, 2 ** 53],
      "": null,
      "a.b": [true, [], {}],
      nested: nested(20),
    };
    expect(await verdictOn({ verdict: Answer.VALID, context })).toMatchObject({ kind: "VALID", context });
    expect(await verdictOnJson(JSON.stringify({ verdict: "VERDICT_VALID", context }))).toMatchObject({
      context,
    });
  });

  test("a key that JavaScript gives a meaning to is a key like any other", async () => {
    const verdict = await verdictOnJson('{"verdict":"VERDICT_VALID","context":{"__proto__":{"a":1},"b":2}}');
    expect(verdict.kind).toBe("VALID");
    expect(JSON.stringify(verdict)).toContain('"b":2');
    expect(({} as { a?: number }).a).toBeUndefined();
  });
});

describe("JSON", () => {
  test.each<[string, string, Record<string, unknown>]>([
    ["a lone surrogate", '{"verdict":2,"errors":["a\\ud800b"]}', { kind: "INVALID", errors: ["a\uFFFDb"] }],
    [
      "one in the context",
      '{"verdict":1,"context":{"\\udc00":"\\ud800"}}',
      { context: { "\uFFFD": "\uFFFD" } },
    ],
    ["a pair", '{"verdict":2,"errors":["\\ud83d\\ude00"]}', { errors: ["😀"] }],
    ["a key twice", '{"verdict":"VERDICT_VALID","verdict":"VERDICT_INVALID"}', { kind: "INVALID" }],
    ["a number", '{"verdict":1}', { kind: "VALID" }],
    [
      "snake case",
      '{"verdict":2,"not_before":"2030-01-01T00:00:00Z"}',
      { notBefore: new Date("2030-01-01") },
    ],
    [
      "an offset",
      '{"verdict":1,"nextUpdateTime":"2030-01-01T01:00:00.5+01:00"}',
      {
        nextUpdateTime: new Date("2030-01-01T00:00:00.500Z"),
      },
    ],
    ["no RFC 3339", '{"verdict":1,"nextUpdateTime":"tomorrow"}', { kind: "ERROR", reason: "MALFORMED" }],
    [
      "a year of five digits",
      '{"verdict":1,"nextUpdateTime":"10000-01-01T00:00:00Z"}',
      { reason: "MALFORMED" },
    ],
    ["a number beyond doubles", '{"verdict":1,"context":{"a":1e999}}', { kind: "ERROR" }],
    ["errors that are no list", '{"verdict":2,"errors":"no"}', { reason: "MALFORMED" }],
    ["trailing text", '{"verdict":1} x', { reason: "MALFORMED" }],
    ["white space", ' \n{"verdict":1}\n', { kind: "VALID" }],
    ["Python's NaN", '{"verdict":1,"context":{"a":NaN}}', { reason: "MALFORMED" }],
    ["the wrong word", '{"valid":true}', { reason: "NO_VERDICT" }],
  ])("%s", async (_, body, expected) => {
    expect(await verdictOnJson(body)).toMatchObject(expected);
  });
});

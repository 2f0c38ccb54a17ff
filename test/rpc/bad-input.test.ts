import { create, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  type ExecuteRequest,
  ExecuteRequestSchema,
} from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { type Answer, askGrpc, askHttp, EXECUTE, frame } from "./raw-client.ts";
import { type ScratchSidecar, startScratchSidecar } from "./scratch-sidecar.ts";

/** Rows of what a hostile or broken client can send, through both doors: each has its code, and the sidecar serves on. */

const ID = "0190b5a8-0000-7000-8000-000000000000";
const PROTO = { "content-type": "application/proto" };
const MALFORMED = { code: "INVALID_ARGUMENT", reason: "MALFORMED_MESSAGE" };
const INVALID = { code: "INVALID_ARGUMENT", reason: "INVALID_REQUEST" };
const TOO_LARGE = { code: "RESOURCE_EXHAUSTED", reason: "PAYLOAD_TOO_LARGE" };

let sidecar: ScratchSidecar;
let handled: ExecuteRequest[] = [];
beforeAll(async () => {
  sidecar = await startScratchSidecar();
  sidecar.behaviour.execute = async (request) => {
    handled.push(request);
    return {};
  };
});
afterAll(() => sidecar.stop());
afterEach(async () => {
  for (const answer of await askBoth(execute()))
    expect(answer).toMatchObject({ httpStatus: 200, reason: undefined });
  handled = [];
});

/** A valid request of 40 bytes, and what is added to it. */
function execute(fields: Partial<Omit<ExecuteRequest, "$typeName" | "$unknown">> = {}): Uint8Array {
  const chain = { $typeName: "dispatcher.v1.ChainRef" as const, value: { case: "id" as const, value: ID } };
  return toBinary(ExecuteRequestSchema, create(ExecuteRequestSchema, { chain, ...fields }));
}

/** Binary over gRPC and over Connect. */
async function askBoth(bytes: Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<Answer[]> {
  return [
    await askGrpc(sidecar.grpcAddress, frame(bytes), headers),
    await askHttp(sidecar.httpUrl, bytes, { ...PROTO, ...headers }),
  ];
}

async function expectBoth(bytes: Uint8Array, expected: object): Promise<void> {
  for (const answer of await askBoth(bytes)) expect(answer).toMatchObject(expected);
  expect(handled).toEqual([]);
}

async function expectJson(json: string | Uint8Array, expected: object): Promise<void> {
  expect(await askHttp(sidecar.httpUrl, json)).toMatchObject(expected);
  expect(handled).toEqual([]);
}

const json = (fields: string) => `{"chain":{"id":"${ID}"},${fields}}`;

describe("bytes that are no message", () => {
  // Field 5, requested_by, with the bytes C3 28.
  test("invalid UTF-8 in binary", () =>
    expectBoth(Buffer.from([...execute(), 0x2a, 2, 0xc3, 0x28]), MALFORMED));
  test("cut in the middle of a field", () => expectBoth(execute().subarray(0, -3), MALFORMED));
  test("an unknown wire type", () => expectBoth(Buffer.from([...execute(), 0x2f]), MALFORMED));
  test("random bytes", () => expectBoth(Buffer.alloc(1000, 0xff), MALFORMED));

  test("invalid UTF-8 in JSON is refused, not replaced", async () => {
    const text = Buffer.from(json('"requestedBy":"a~b"'));
    text[text.indexOf("~")] = 0xff;
    await expectJson(text, MALFORMED);
  });
  test("a lone surrogate in JSON", async () => {
    await expectJson(json('"requestedBy":"\\ud800"'), MALFORMED);
    await expectJson(json('"initialContext":{"a":["\\udfff"]}'), INVALID);
    await expectJson(json('"initialContext":{"\\ud800":1}'), {
      ...INVALID,
      problems: [{ field: "initial_context" }],
    });
  });
  test.each([
    ["cut off", '{"chain":', "JSON"],
    ["empty", "", "JSON"],
    ["a list", "[]", "ExecuteRequest"],
    ["an unknown field", json('"nonsense":1'), '"nonsense"'],
    ["a field twice", json('"dryRun":true,"dryRun":false'), '"dryRun"'],
    ["both members of a oneof", `{"chain":{"id":"${ID}","key":{}}}`, "oneof"],
    ["a number in place of a text", json('"requestedBy":1'), "requested_by"],
    ["int64 above its range", json('"expectedVersion":"9223372036854775808"'), "expected_version"],
    ["NaN as an integer", json('"expectedVersion":"NaN"'), "expected_version"],
    ["a fraction as an integer", json('"expectedVersion":1.5'), "expected_version"],
    [
      "30,000 lists in each other",
      json(`"initialContext":{"a":${"[".repeat(30_000)}${"]".repeat(30_000)}}`),
      "depth",
    ],
  ])("JSON: %s", async (_, body, words) => {
    const answer = await askHttp(sidecar.httpUrl, body);
    expect(answer).toMatchObject({ ...MALFORMED, httpStatus: 400 });
    expect(answer.message).toContain(words);
    expect(handled).toEqual([]);
  });
});

describe("values that no field may have", () => {
  test("U+0000 in a text, a Struct's text and its key", async () => {
    await expectBoth(execute({ requestedBy: "a\0" }), { ...INVALID, problems: [{ field: "requested_by" }] });
    await expectBoth(execute({ initialContext: { a: "\0" } }), {
      ...INVALID,
      problems: [{ field: "initial_context" }],
    });
    await expectBoth(execute({ callbackContext: { "\0": 1 } }), {
      ...INVALID,
      problems: [{ field: "callback_context" }],
    });
  });
  test("deep in a list: with its place", async () => {
    const resources = [
      { resourceType: "a", resourceId: "1" },
      { resourceType: "b", resourceId: "\0" },
    ];
    const answer = await askHttp(
      sidecar.httpUrl,
      JSON.stringify({ chain: { key: { chainType: "c", resources } } }),
    );
    expect(answer).toMatchObject({ ...INVALID, problems: [{ field: "chain.key.resources[1].resource_id" }] });
  });
  test("every problem at once, each with its field", async () => {
    const answers = await askBoth(
      execute({ requestedBy: "a\0", requestId: "x".repeat(256), expectedVersion: -1n }),
    );
    for (const answer of answers) {
      expect(answer).toMatchObject(INVALID);
      const fields = answer.problems.map((problem) => problem.field);
      expect(fields.sort()).toEqual(["expected_version", "request_id", "requested_by"]);
    }
  });
  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "%s in a Struct",
    async (number) => {
      // The library does not write such a Struct: a double of eight bytes in it is replaced by hand.
      const bytes = Buffer.from(execute({ initialContext: { a: 1234.5 } }));
      bytes.writeDoubleLE(number, bytes.indexOf(doubleBytes(1234.5)));
      for (const answer of await askBoth(bytes)) expect(answer.code).toBe("INVALID_ARGUMENT");
      expect(handled).toEqual([]);
    },
  );
  test("-0 and integers above 2^53 in a Struct are doubles like any other", async () => {
    for (const answer of await askBoth(execute({ initialContext: { a: -0, b: 2 ** 53 + 2 } }))) {
      expect(answer.reason).toBeUndefined();
    }
    expect(handled.map((request) => request.initialContext)).toEqual([
      { a: -0, b: 2 ** 53 + 2 },
      { a: -0, b: 2 ** 53 + 2 },
    ]);
  });
  test("a Struct 100 deep is taken, 101 is not", async () => {
    for (const answer of await askBoth(execute({ initialContext: nested(100) })))
      expect(answer.reason).toBeUndefined();
    handled = [];
    await expectBoth(execute({ initialContext: nested(101) }), {
      ...INVALID,
      problems: [{ field: "initial_context" }],
    });
    await expectJson(json(`"initialContext":${JSON.stringify(nested(101))}`), INVALID);
    await expectBoth(execute({ initialContext: nested(400) }), MALFORMED);
  });
  test("an unknown enum number, an unset oneof", async () => {
    const key = (match: number) =>
      JSON.stringify({
        chain: { key: { chainType: "c", resources: [{ resourceType: "a", resourceId: "1" }], match } },
      });
    await expectJson(key(99), { ...INVALID, problems: [{ field: "chain.key.match" }] });
    await expectJson("{}", { ...INVALID, problems: [{ field: "chain" }] });
    await expectJson('{"chain":{}}', INVALID);
    // An empty ChainRef.
    await expectBoth(Buffer.from([0x0a, 0]), INVALID);
  });
  test("the last of two oneof members counts in binary, as protobuf says", async () => {
    const twice = Buffer.concat([Buffer.from([0x0a, 2, 0x12, 0]), execute()]);
    for (const answer of await askBoth(twice)) expect(answer.reason).toBeUndefined();
    expect(handled.map((request) => request.chain?.value.case)).toEqual(["id", "id"]);
  });
  test("times outside the years 1 to 9999", async () => {
    const path = "/dispatcher.v1.DispatcherService/UpdateChain";
    // update_mask "next_update_time", next_update_time { seconds }.
    const mask = Buffer.concat([Buffer.from([0x12, 18, 0x0a, 16]), Buffer.from("next_update_time")]);
    const time = (seconds: bigint) => {
      const varint: number[] = [];
      for (let rest = BigInt.asUintN(64, seconds); ; rest >>= 7n) {
        varint.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
        if (rest <= 127n) break;
      }
      return Buffer.from([0x22, varint.length + 1, 0x08, ...varint]);
    };
    const request = (seconds: bigint) => Buffer.concat([execute(), mask, time(seconds)]);
    for (const seconds of [253_402_300_800n, -62_135_596_801n, 2n ** 62n]) {
      const expected = { ...INVALID, problems: [{ field: "next_update_time" }] };
      expect(await askGrpc(sidecar.grpcAddress, frame(request(seconds)), {}, path)).toMatchObject(expected);
      expect(await askHttp(sidecar.httpUrl, request(seconds), PROTO, { path })).toMatchObject(expected);
    }
    const fine = await askGrpc(sidecar.grpcAddress, frame(request(253_402_300_799n)), {}, path);
    expect(fine.reason).toBeUndefined();
  });
});

describe("sizes", () => {
  const LIMIT = 4 * 1024 * 1024;
  /** Unknown field 100 pads the request to an exact size: unknown fields are taken and dropped. */
  function sized(bytes: number): Buffer {
    const head = Buffer.from([0xa2, 0x06, 0, 0, 0, 0]);
    const padding = bytes - execute().length - head.length;
    for (let index = 0; index < 4; index += 1) {
      head[2 + index] = ((padding >>> (7 * index)) & 127) | (index < 3 ? 128 : 0);
    }
    return Buffer.concat([execute(), head, Buffer.alloc(padding)]);
  }

  test("a megabyte of unknown fields is taken", async () => {
    for (const answer of await askBoth(sized(1024 * 1024))) expect(answer.reason).toBeUndefined();
    expect(handled).toHaveLength(2);
  });
  test("a message of 4 MiB is taken, one byte more is not", async () => {
    for (const size of [LIMIT - 1, LIMIT]) {
      for (const answer of await askBoth(sized(size))) expect(answer.reason).toBeUndefined();
    }
    handled = [];
    await expectBoth(sized(LIMIT + 1), TOO_LARGE);
  });
  test("a length prefix of 4 GiB", async () => {
    const body = frame(execute(), 0xffff_ffff);
    expect(await askGrpc(sidecar.grpcAddress, body)).toMatchObject(TOO_LARGE);
  });
  test("a payload of 1 MiB as JSON is taken, one byte more is not", async () => {
    const payload = (bytes: number): JsonObject => ({ a: "x".repeat(bytes - '{"a":""}'.length) });
    for (const answer of await askBoth(execute({ initialContext: payload(1024 * 1024) }))) {
      expect(answer.reason).toBeUndefined();
    }
    handled = [];
    const expected = { ...TOO_LARGE, metadata: { field: "initial_context" } };
    await expectBoth(execute({ initialContext: payload(1024 * 1024 + 1) }), expected);
    await expectBoth(execute({ callbackContext: { a: "\u0001".repeat(200_000) } }), TOO_LARGE);
  });
  test("a hundred thousand bad entries are refused in no time", async () => {
    const path = "/dispatcher.v1.DispatcherService/AddChainResources";
    const bytes = Buffer.concat([execute(), Buffer.alloc(200_000, Buffer.from([0x12, 0]))]);
    const startedMs = performance.now();
    const answer = await askGrpc(sidecar.grpcAddress, frame(bytes), {}, path);
    expect(answer).toMatchObject(INVALID);
    expect(performance.now() - startedMs).toBeLessThan(2000);
  });
});

describe("frames, verbs, paths and headers", () => {
  test("no message, two messages, a truncated message", async () => {
    const unary = { code: "UNIMPLEMENTED", reason: "NOT_IMPLEMENTED" };
    expect(await askGrpc(sidecar.grpcAddress, Buffer.alloc(0))).toMatchObject(unary);
    expect(
      await askGrpc(sidecar.grpcAddress, Buffer.concat([frame(execute()), frame(execute())])),
    ).toMatchObject(unary);
    expect(await askGrpc(sidecar.grpcAddress, frame(execute(), execute().length + 9))).toMatchObject(unary);
    expect(await askGrpc(sidecar.grpcAddress, Buffer.from([0, 0, 0]))).toMatchObject(unary);
    expect(handled).toEqual([]);
  });
  test("a compressed frame that is not compressed", async () => {
    const body = frame(execute());
    body[0] = 1;
    const answer = await askGrpc(sidecar.grpcAddress, body, { "grpc-encoding": "gzip" });
    expect(answer).toMatchObject(MALFORMED);
    const http = await askHttp(sidecar.httpUrl, execute(), { ...PROTO, "content-encoding": "gzip" });
    expect(http.code).toBe("INVALID_ARGUMENT");
  });
  test("an unknown encoding", async () => {
    const body = frame(execute());
    body[0] = 1;
    const answer = await askGrpc(sidecar.grpcAddress, body, { "grpc-encoding": "lzma" });
    expect(answer.code).toBe("UNIMPLEMENTED");
    const http = await askHttp(sidecar.httpUrl, execute(), { ...PROTO, "content-encoding": "lzma" });
    expect(http.code).toBe("UNIMPLEMENTED");
  });
  test("an unknown method, a wrong verb, a wrong content type", async () => {
    const path = "/dispatcher.v1.DispatcherService/Nonsense";
    expect(await askGrpc(sidecar.grpcAddress, frame(execute()), {}, path)).toMatchObject({
      code: "UNIMPLEMENTED",
    });
    expect(await askHttp(sidecar.httpUrl, "{}", {}, { path })).toMatchObject({ httpStatus: 404 });
    expect(await askHttp(sidecar.httpUrl, "{}", {}, { path: "/" })).toMatchObject({ httpStatus: 404 });
    for (const method of ["GET", "PUT", "DELETE", "OPTIONS"]) {
      const answer = await askHttp(sidecar.httpUrl, "", {}, { method });
      expect(answer).toMatchObject({ httpStatus: 405, headers: { allow: "POST" } });
    }
    const type = { "content-type": "text/plain" };
    expect(await askHttp(sidecar.httpUrl, json('"dryRun":true'), type)).toMatchObject({ httpStatus: 415 });
    expect(await askGrpc(sidecar.grpcAddress, frame(execute()), type)).toMatchObject({ httpStatus: 415 });
    expect(handled).toEqual([]);
  });
  test.each(["-5S", "abc", "", "5", "5x", "123456789S", "1.5S"])(
    "grpc-timeout: %j is malformed",
    async (timeout) => {
      expect(await askGrpc(sidecar.grpcAddress, frame(execute()), { "grpc-timeout": timeout })).toMatchObject(
        MALFORMED,
      );
      expect(handled).toEqual([]);
    },
  );
  test.each(["-5", "abc", "1.5", "12345678901"])("connect-timeout-ms: %j is malformed", async (timeout) => {
    const headers = { ...PROTO, "connect-timeout-ms": timeout };
    expect(await askHttp(sidecar.httpUrl, execute(), headers)).toMatchObject(MALFORMED);
    expect(handled).toEqual([]);
  });
  test("a timeout of nothing is over at once", async () => {
    const late = { code: "DEADLINE_EXCEEDED", reason: "DEADLINE_EXCEEDED" };
    expect(await askGrpc(sidecar.grpcAddress, frame(execute()), { "grpc-timeout": "0n" })).toMatchObject(
      late,
    );
    const headers = { ...PROTO, "connect-timeout-ms": "0" };
    expect(await askHttp(sidecar.httpUrl, execute(), headers)).toMatchObject(late);
    expect(handled).toEqual([]);
  });
  test.each(["99999999H", "9999999H", "99999999M", "99999999S"])(
    "grpc-timeout: %s is no hurry",
    async (timeout) => {
      const answer = await askGrpc(sidecar.grpcAddress, frame(execute()), { "grpc-timeout": timeout });
      expect(answer.code).toBe("OK");
    },
  );
  test("connect-timeout-ms of a hundred days is no hurry", async () => {
    const headers = { ...PROTO, "connect-timeout-ms": "9999999999" };
    expect(await askHttp(sidecar.httpUrl, execute(), headers)).toMatchObject({ httpStatus: 200 });
  });
  test.each(["a b", "[", "x:99999999"])("Host: %j", async (host) => {
    const answer = await askHttp(sidecar.httpUrl, "{}", { host }, { path: EXECUTE });
    expect(answer).toMatchObject({ httpStatus: 400 });
  });
});

function nested(depth: number): JsonObject {
  let value: JsonObject = {};
  for (let level = 0; level < depth - 1; level += 1) value = { a: value };
  return { a: value };
}

function doubleBytes(number: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(number);
  return bytes;
}

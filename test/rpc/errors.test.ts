import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ExecuteRequestSchema } from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { ErrorReason } from "../../gen/ts/dispatcher/v1/error_reason_pb.ts";
import type { Evaluation } from "../../src/domain/evaluation.ts";
import { Refusal, type RefusalReason } from "../../src/domain/refusal.ts";
import { codeName } from "../../src/rpc/code-name.ts";
import { codeOfReason } from "../../src/rpc/errors.ts";
import { type Answer, askGrpc, askHttp, frame } from "./raw-client.ts";
import { type ScratchSidecar, startScratchSidecar } from "./scratch-sidecar.ts";

const CODES: Readonly<Record<RefusalReason, string>> = {
  INVALID_REQUEST: "INVALID_ARGUMENT",
  INVALID_DEFINITION: "INVALID_ARGUMENT",
  INVALID_PAGE_TOKEN: "INVALID_ARGUMENT",
  REQUEST_ID_REUSED: "INVALID_ARGUMENT",
  MALFORMED_MESSAGE: "INVALID_ARGUMENT",
  CHAIN_NOT_FOUND: "NOT_FOUND",
  CHAIN_TYPE_NOT_FOUND: "NOT_FOUND",
  TRANSITION_NOT_FOUND: "NOT_FOUND",
  STATE_NOT_FOUND: "NOT_FOUND",
  DELIVERY_NOT_FOUND: "NOT_FOUND",
  RESOURCES_TAKEN: "ALREADY_EXISTS",
  AMBIGUOUS_MATCH: "FAILED_PRECONDITION",
  CHAIN_DISABLED: "FAILED_PRECONDITION",
  VERSION_MISMATCH: "FAILED_PRECONDITION",
  NOT_DUE: "FAILED_PRECONDITION",
  STATE_REMOVED: "FAILED_PRECONDITION",
  STATES_IN_USE: "FAILED_PRECONDITION",
  CHAIN_TYPE_IN_USE: "FAILED_PRECONDITION",
  DELIVERY_PENDING: "FAILED_PRECONDITION",
  CURSOR_EXPIRED: "FAILED_PRECONDITION",
  VALIDATOR_NOT_REGISTERED: "FAILED_PRECONDITION",
  VALIDATOR_BROKEN: "FAILED_PRECONDITION",
  CLAIMED: "ABORTED",
  CLAIM_EXPIRED: "ABORTED",
  CONCURRENT_TRANSITION: "ABORTED",
  REVISION_CHANGED: "ABORTED",
  ENDPOINT_NOT_ALLOWED: "PERMISSION_DENIED",
  PAYLOAD_TOO_LARGE: "RESOURCE_EXHAUSTED",
  HISTORY_FULL: "RESOURCE_EXHAUSTED",
  TOO_MANY_CHAIN_TYPES: "RESOURCE_EXHAUSTED",
  VALIDATOR_UNAVAILABLE: "UNAVAILABLE",
  CALLBACK_UNANSWERED: "UNAVAILABLE",
  SLOW_READER: "UNAVAILABLE",
  DATABASE_UNAVAILABLE: "UNAVAILABLE",
  COMMIT_UNKNOWN: "UNAVAILABLE",
  NOT_READY: "UNAVAILABLE",
  DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
  CANCELLED: "CANCELLED",
  NOT_IMPLEMENTED: "UNIMPLEMENTED",
  INTERNAL: "INTERNAL",
};

const VALID = { chain: { value: { case: "id", value: "0190b5a8-0000-7000-8000-000000000000" } } } as const;
const BYTES = toBinary(ExecuteRequestSchema, create(ExecuteRequestSchema, VALID));

let sidecar: ScratchSidecar;
beforeAll(async () => {
  sidecar = await startScratchSidecar();
});
afterAll(() => sidecar.stop());

/** The same call through both doors, answered by throwing this. */
async function answersTo(thrown: unknown): Promise<Answer[]> {
  sidecar.behaviour.execute = () => Promise.reject(thrown);
  return [
    await askGrpc(sidecar.grpcAddress, frame(BYTES)),
    await askHttp(sidecar.httpUrl, BYTES, { "content-type": "application/proto" }),
  ];
}

describe("every reason has its code on both listeners", () => {
  test.each(Object.entries(CODES))("%s is %s", async (reason, code) => {
    expect(codeName(codeOfReason[reason as RefusalReason])).toBe(code);
    expect(Object.keys(ErrorReason)).toContain(reason);

    for (const answer of await answersTo(
      new Refusal(reason as RefusalReason, "no", { metadata: { id: "7" } }),
    )) {
      expect(answer).toMatchObject({ code, reason });
      if (reason !== "INTERNAL") expect(answer).toMatchObject({ message: "no", metadata: { id: "7" } });
    }
  });

  test("as many as there are", () => {
    expect(Object.keys(codeOfReason).sort()).toEqual(Object.keys(CODES).sort());
  });
});

test("a gRPC error before any answer is Trailers-Only, so that retry policies see it", async () => {
  const [grpc] = await answersTo(new Refusal("CLAIMED", "wait"));
  expect(grpc).toMatchObject({ isTrailersOnly: true, httpStatus: 200 });
});

test("details: field problems, time to wait, evaluations", async () => {
  const refusal = new Refusal("VALIDATOR_UNAVAILABLE", "nobody there", {
    problems: [{ field: "a.b[0]", message: "is wrong" }],
    retryAfterMs: 1500.2,
    evaluations: [evaluation("one", ["down"])],
  });
  for (const answer of await answersTo(refusal)) {
    expect(answer).toMatchObject({
      problems: [{ field: "a.b[0]", description: "is wrong" }],
      retryAfterMs: 1501,
      evaluations: [{ transition: "one", errors: ["down"] }],
    });
  }
});

test.each([
  ["an Error", new Error("password is hunter2")],
  ["a TypeError", new TypeError("cannot read hunter2")],
  ["no Error at all", "hunter2"],
])("%s is a bug: masked for the caller, whole in the log", async (_, thrown) => {
  for (const answer of await answersTo(thrown)) {
    expect(answer).toMatchObject({ code: "INTERNAL", reason: "INTERNAL" });
    const id = /^internal error \(request ([0-9a-f-]{36})\)$/.exec(answer.message)?.[1];
    expect(answer.metadata["request_id"]).toBe(id);
    expect(JSON.stringify(answer)).not.toContain("hunter2");
    const line = sidecar.log.find((entry) => entry["requestId"] === id);
    expect(JSON.stringify(line)).toContain("hunter2");
  }
});

describe("whatever is said fits the 8 KiB of metadata that clients accept", () => {
  const long = "é\n%".repeat(5000);
  test.each<[string, Refusal]>([
    ["a long message", new Refusal("CHAIN_NOT_FOUND", long, { metadata: { id: long } })],
    ["a lone surrogate", new Refusal("CHAIN_NOT_FOUND", "a\ud800b")],
    [
      "many long problems",
      new Refusal("INVALID_DEFINITION", long, {
        problems: Array.from({ length: 500 }, (_, index) => ({ field: `a[${index}]`, message: long })),
      }),
    ],
    [
      "64 evaluations, each with 4 KiB",
      new Refusal("VALIDATOR_BROKEN", "stopped", {
        evaluations: Array.from({ length: 64 }, (_, index) => evaluation(`t${index}`, ["x".repeat(4096)])),
      }),
    ],
    [
      "one evaluation with many errors and a long name",
      new Refusal("VALIDATOR_BROKEN", "stopped", {
        evaluations: [
          evaluation(
            "n".repeat(255),
            Array.from({ length: 1000 }, () => long),
          ),
        ],
      }),
    ],
  ])("%s", async (_, refusal) => {
    for (const answer of await answersTo(refusal)) {
      expect(answer).toMatchObject({ code: CODES[refusal.reason], reason: refusal.reason });
      const size = Object.entries(answer.headers).reduce(
        (sum, [name, value]) => sum + name.length + String(value).length + 32,
        0,
      );
      expect(size).toBeLessThan(8192);
      expect(Buffer.byteLength(answer.message)).toBeLessThanOrEqual(2048);
    }
  });

  test("of many evaluations the last is kept, and the caller is told how many are not", async () => {
    const evaluations = Array.from({ length: 64 }, (_, index) =>
      evaluation(`${"n".repeat(200)}${index}`, ["why"]),
    );
    for (const answer of await answersTo(new Refusal("VALIDATOR_BROKEN", "stopped", { evaluations }))) {
      expect(answer.evaluations.at(-1)).toMatchObject({ transition: evaluations.at(-1)?.transition });
      expect(answer.evaluations.length + Number(answer.metadata["evaluations_omitted"])).toBe(64);
    }
  });
});

function evaluation(transition: string, errors: readonly string[]): Evaluation {
  return { transition, verdict: "ERROR", errorReason: "UNREACHABLE", errors, durationMs: 3, held: false };
}

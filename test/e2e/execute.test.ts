import { randomUUID } from "node:crypto";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EvaluationMode, OnError } from "../../gen/ts/dispatcher/v1/chain_type_pb.ts";
import {
  EvaluationErrorReason,
  EvaluationReportSchema,
  Outcome,
  Verdict,
} from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import {
  Verdict as Answer,
  type ValidateRequest,
} from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { RetryInfoSchema } from "../../gen/ts/google/rpc/error_details_pb.ts";
import { type Clients, createClients, createJsonClients, reasonOf } from "../support/client.ts";
import { createTestDatabase } from "../support/database.ts";
import { checkInvariants } from "../support/invariants.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import {
  startGrpcValidator,
  type ValidateResponseInit,
  type ValidatorHost,
} from "../support/validator-host.ts";

let databaseUrl: string;
let sidecar: Sidecar;
let host: ValidatorHost;
let database: pg.Client;
const over: Record<string, Clients> = {};
/** What the application answers, by transition; a transition without an answer is invalid. */
let answers: Record<string, ValidateResponseInit | (() => Promise<ValidateResponseInit>)> = {};

beforeAll(async () => {
  databaseUrl = await createTestDatabase();
  sidecar = await startSidecar({ databaseUrl });
  database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  over["gRPC"] = createClients(sidecar.grpc);
  over["JSON"] = createJsonClients(sidecar.http);
  host = await startGrpcValidator(({ transition }) => {
    const answer = answers[transition] ?? { verdict: Answer.INVALID, errors: [`not ${transition}`] };
    return typeof answer === "function" ? answer() : answer;
  });
  const { registry } = over["gRPC"];
  const transitions = [
    { name: "one", finalState: "middle" },
    { name: "two", finalState: "middle" },
    { name: "end", finalState: "done" },
    { name: "late", finalState: "middle", delay: { seconds: 3600n } },
  ];
  const states = [
    { name: "new", transitions: ["one", "two", "late", "end"] },
    { name: "middle", transitions: ["end"] },
  ];
  const validator = { url: host.url, timeout: { nanos: 500_000_000 } };
  await registry.registerChainType({ chainType: { name: "plain", transitions, states, validator } });
  await registry.registerChainType({
    chainType: {
      name: "skipping",
      transitions: transitions.map((transition) => ({ ...transition, onError: OnError.SKIP })),
      states,
      validator,
    },
  });
  await registry.registerChainType({
    chainType: { name: "parallel", transitions, states, validator, evaluation: EvaluationMode.PARALLEL },
  });
  await registry.registerChainType({ chainType: { name: "nobody", transitions, states } });
});
afterAll(async () => {
  await checkInvariants(databaseUrl, []);
  await database.end();
  await host.stop();
  await sidecar.stop();
});

const valid = { verdict: Answer.VALID };

describe.each(["gRPC", "JSON"])("Execute over %s", (listener) => {
  const api = () => over[listener] as Clients;
  const keyOf = (chainType = "plain") => ({
    chainType,
    resources: [{ resourceType: "thing", resourceId: randomUUID() }],
  });
  const byKey = (key: ReturnType<typeof keyOf>) => ({ value: { case: "key" as const, value: key } });
  async function makeChain(chainType?: string) {
    const key = keyOf(chainType);
    const { chain } = await api().dispatcher.getOrCreateChain({ key });
    return { ref: byKey(key), id: chain?.id ?? "" };
  }
  const asked = (since: number): string[] =>
    host.calls.slice(since).map(({ transition }: ValidateRequest) => transition);

  test("the first valid transition in order is taken, and later ones are not asked", async () => {
    answers = { two: { ...valid, context: { mail: "ü@x", n: 1.5, nothing: null } }, end: valid };
    const { ref, id } = await makeChain();
    const since = host.calls.length;
    const answer = await api().dispatcher.execute({
      chain: ref,
      requestedBy: "me",
      initialContext: { a: [1] },
    });
    expect(asked(since)).toEqual(["one", "two"]);
    expect(host.calls.at(-1)).toMatchObject({
      transition: "two",
      fromState: "new",
      finalState: "middle",
      initialContext: { a: [1] },
      dryRun: false,
      requestedBy: "me",
      chain: { id, chainType: "plain", state: "new", version: 0n },
    });
    expect(answer).toMatchObject({
      outcome: Outcome.TRANSITIONED,
      chain: { id, state: "middle", version: 1n, final: false },
      transition: {
        name: "two",
        fromState: "new",
        finalState: "middle",
        context: { mail: "ü@x", n: 1.5, nothing: null },
      },
      event: { chainId: id, version: 1n, transition: "two", requestedBy: "me", revision: 1n },
    });
    expect(answer.evaluations).toMatchObject([
      { transition: "one", verdict: Verdict.INVALID, errors: ["not one"] },
      { transition: "two", verdict: Verdict.VALID },
    ]);
    expect(answer.event?.attemptId).toBe(host.calls.at(-1)?.attemptId);
  });

  test("no valid transition is a normal answer, and leaves its trace", async () => {
    answers = {};
    const { ref } = await makeChain();
    const answer = await api().dispatcher.execute({ chain: ref, requestedBy: "cron" });
    expect(answer).toMatchObject({
      outcome: Outcome.NO_VALID_TRANSITION,
      chain: { version: 0n, state: "new" },
    });
    expect(answer.event).toBeUndefined();
    await expect
      .poll(async () => (await api().dispatcher.getChain({ chain: ref })).lastAttempt, { timeout: 5_000 })
      .toMatchObject({
        outcome: Outcome.NO_VALID_TRANSITION,
        requestedBy: "cron",
        version: 0n,
        evaluations: ["one", "two", "late", "end"].map((name) => ({
          transition: name,
          errors: [`not ${name}`],
        })),
      });
  });

  test("done is final: nobody is asked", async () => {
    answers = { end: valid };
    const { ref } = await makeChain();
    expect((await api().dispatcher.execute({ chain: ref })).chain).toMatchObject({
      state: "done",
      final: true,
    });
    const since = host.calls.length;
    expect(await api().dispatcher.execute({ chain: ref })).toMatchObject({ outcome: Outcome.ALREADY_FINAL });
    expect(asked(since)).toEqual([]);
  });

  test("a dry run tells what would happen, and writes nothing", async () => {
    answers = { two: valid };
    const { ref, id } = await makeChain();
    const answer = await api().dispatcher.execute({ chain: ref, dryRun: true, requestId: "ignored" });
    expect(answer).toMatchObject({
      outcome: Outcome.WOULD_TRANSITION,
      transition: { name: "two" },
      chain: { id, state: "new", version: 0n },
    });
    expect(host.calls.at(-1)?.dryRun).toBe(true);
    const all = await api().dispatcher.execute({ chain: ref, dryRun: true, evaluateAll: true });
    expect(all.evaluations.map(({ transition }) => transition)).toEqual(["one", "two", "late", "end"]);
    expect(all.outcome).toBe(Outcome.WOULD_TRANSITION);
    expect((await api().dispatcher.listChainEvents({ chain: ref })).events).toEqual([]);
    const read = await api().dispatcher.getChain({ chain: ref });
    expect(read.chain?.version).toBe(0n);
    expect(read.lastAttempt).toBeUndefined();
  });

  test("a dry run with create_if_absent judges a chain that is not there, and does not make it", async () => {
    answers = { one: valid };
    const key = keyOf();
    const answer = await api().dispatcher.execute({ chain: byKey(key), createIfAbsent: true, dryRun: true });
    expect(answer).toMatchObject({
      outcome: Outcome.WOULD_TRANSITION,
      chain: { id: "", state: "new", version: 0n },
    });
    await expectRefusal(api().dispatcher.getChain({ chain: byKey(key) }), Code.NotFound, "CHAIN_NOT_FOUND");
    await expectRefusal(api().dispatcher.execute({ chain: byKey(key) }), Code.NotFound, "CHAIN_NOT_FOUND");
    const real = await api().dispatcher.execute({ chain: byKey(key), createIfAbsent: true });
    expect(real.outcome).toBe(Outcome.TRANSITIONED);
  });

  test("a repeated request id gets the recorded answer, whatever the chain is now", async () => {
    answers = { one: { ...valid, context: { k: "v" } }, end: valid };
    const { ref } = await makeChain();
    const request = { chain: ref, requestId: "r", initialContext: { b: 1, a: 2 }, requestedBy: "me" };
    const first = await api().dispatcher.execute(request);
    expect((await api().dispatcher.execute({ chain: ref })).chain?.state).toBe("done");
    const since = host.calls.length;
    const again = await api().dispatcher.execute({ ...request, initialContext: { a: 2, b: 1 } });
    expect(again).toEqual(first);
    expect(asked(since)).toEqual([]);
    await expectRefusal(
      api().dispatcher.execute({ ...request, initialContext: { a: 3 } }),
      Code.InvalidArgument,
      "REQUEST_ID_REUSED",
    );
    await database.query("delete from dispatcher.chain where id = $1", [first.chain?.id]);
    const byId = { value: { case: "id" as const, value: first.chain?.id ?? "" } };
    expect(await api().dispatcher.execute({ ...request, chain: byId })).toEqual(first);
  });

  test("what moved nothing is judged afresh under the same request id", async () => {
    answers = {};
    const { ref } = await makeChain();
    const request = { chain: ref, requestId: "r" };
    expect((await api().dispatcher.execute(request)).outcome).toBe(Outcome.NO_VALID_TRANSITION);
    answers = { one: valid };
    expect((await api().dispatcher.execute(request)).outcome).toBe(Outcome.TRANSITIONED);
  });

  test.each<
    [
      string,
      ValidateResponseInit | (() => Promise<ValidateResponseInit>),
      Code,
      string,
      EvaluationErrorReason,
    ]
  >([
    [
      "throws",
      () => Promise.reject(new Error("boom")),
      Code.Unavailable,
      "VALIDATOR_UNAVAILABLE",
      EvaluationErrorReason.FAILED,
    ],
    [
      "never answers",
      () => new Promise(() => undefined),
      Code.Unavailable,
      "VALIDATOR_UNAVAILABLE",
      EvaluationErrorReason.TIMEOUT,
    ],
    ["gives no verdict", {}, Code.FailedPrecondition, "VALIDATOR_BROKEN", EvaluationErrorReason.NO_VERDICT],
    [
      "answers U+0000",
      { ...valid, context: { a: "\0" } },
      Code.FailedPrecondition,
      "VALIDATOR_BROKEN",
      EvaluationErrorReason.NOT_STORABLE,
    ],
  ])(
    "a validator that %s stops the Execute: the chain stays, every verdict so far is reported",
    async (_, two, code, reason, kind) => {
      answers = { two, end: valid };
      const { ref } = await makeChain();
      const since = host.calls.length;
      const error = await expectRefusal(api().dispatcher.execute({ chain: ref }), code, reason);
      expect(asked(since)).toEqual(["one", "two"]);
      const [report] = error.findDetails(EvaluationReportSchema);
      expect(report?.evaluations).toMatchObject([
        { transition: "one", verdict: Verdict.INVALID },
        { transition: "two", verdict: Verdict.ERROR, errorReason: kind },
      ]);
      expect((await api().dispatcher.execute({ chain: ref, dryRun: true })).outcome).toBe(Outcome.WOULD_FAIL);
      await expect
        .poll(async () => (await api().dispatcher.getChain({ chain: ref })).lastAttempt?.reason, {
          timeout: 5_000,
        })
        .toBe(reason);
    },
  );

  test("an error under SKIP is recorded, and the next transition asked", async () => {
    answers = { one: () => Promise.reject(new Error("boom")), two: valid };
    const { ref } = await makeChain("skipping");
    const answer = await api().dispatcher.execute({ chain: ref });
    expect(answer.transition?.name).toBe("two");
    expect(answer.event?.evaluations).toMatchObject([{ verdict: Verdict.ERROR }, { verdict: Verdict.VALID }]);
  });

  test("a transition without a validator is an error, not a no", async () => {
    const { ref } = await makeChain("nobody");
    await expectRefusal(
      api().dispatcher.execute({ chain: ref }),
      Code.FailedPrecondition,
      "VALIDATOR_NOT_REGISTERED",
    );
    answers = { one: valid };
    const own = await api().dispatcher.execute({ chain: ref, validatorEndpoint: host.url });
    expect(own.outcome).toBe(Outcome.TRANSITIONED);
    await expectRefusal(
      api().dispatcher.execute({ chain: ref, validatorEndpoint: "grpc://example.com:50051" }),
      Code.PermissionDenied,
      "ENDPOINT_NOT_ALLOWED",
    );
  });

  test("PARALLEL asks all at once; the first in order still wins", async () => {
    let release: (() => void) | undefined;
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    answers = {
      one: async () => {
        await slow;
        return valid;
      },
      two: valid,
      end: valid,
    };
    const { ref } = await makeChain("parallel");
    const since = host.calls.length;
    const execution = api().dispatcher.execute({ chain: ref });
    await expect.poll(() => asked(since).sort()).toEqual(["end", "late", "one", "two"]);
    release?.();
    const answer = await execution;
    expect(answer.transition?.name).toBe("one");
    expect(answer.evaluations.map(({ transition }) => transition)).toEqual(["one"]);
  });

  test("next_update_time: not due before, unless the schedule is ignored", async () => {
    answers = { late: valid, end: valid };
    const { ref } = await makeChain();
    const moved = await api().dispatcher.execute({ chain: ref });
    const waits = Number(moved.chain?.nextUpdateTime?.seconds) - Number(moved.event?.time?.seconds);
    expect(waits).toBe(3600);
    const error = await expectRefusal(
      api().dispatcher.execute({ chain: ref }),
      Code.FailedPrecondition,
      "NOT_DUE",
    );
    expect(Number(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds)).toBeGreaterThan(3500);
    expect((await api().dispatcher.execute({ chain: ref, ignoreSchedule: true })).chain?.state).toBe("done");
  });

  test("the validator's next_update_time wins over the delay", async () => {
    const time = timestampFromMs(Date.now() + 60_000);
    answers = { late: { ...valid, nextUpdateTime: time } };
    const { ref } = await makeChain();
    expect((await api().dispatcher.execute({ chain: ref })).chain?.nextUpdateTime).toEqual(time);
  });

  test("not_before: held, with its last errors, until then; others are still asked", async () => {
    const notBefore = timestampFromMs(Date.now() + 60_000);
    answers = { one: { verdict: Answer.INVALID, errors: ["too early"], notBefore } };
    const { ref } = await makeChain();
    await api().dispatcher.execute({ chain: ref });
    const since = host.calls.length;
    const held = await api().dispatcher.execute({ chain: ref });
    expect(asked(since)).toEqual(["two", "late", "end"]);
    expect(held.evaluations[0]).toMatchObject({
      transition: "one",
      held: true,
      errors: ["too early"],
      deferredUntil: notBefore,
    });
    const all = await api().dispatcher.execute({ chain: ref, dryRun: true, evaluateAll: true });
    expect(all.evaluations[0]).toMatchObject({ transition: "one", held: false });
    answers = { one: valid };
    expect((await api().dispatcher.execute({ chain: ref, ignoreSchedule: true })).transition?.name).toBe(
      "one",
    );
  });

  test("refused before anybody is asked: disabled, another version, claimed by someone else", async () => {
    answers = { one: valid };
    const { ref, id } = await makeChain();
    const since = host.calls.length;
    await expectRefusal(
      api().dispatcher.execute({ chain: ref, expectedVersion: 7n }),
      Code.FailedPrecondition,
      "VERSION_MISMATCH",
    );
    await api().dispatcher.updateChain({
      chain: ref,
      updateMask: { paths: ["disabled"] },
      disabled: true,
      reason: "stop",
    });
    await expectRefusal(api().dispatcher.execute({ chain: ref }), Code.FailedPrecondition, "CHAIN_DISABLED");
    await api().dispatcher.updateChain({ chain: ref, updateMask: { paths: ["disabled"] } });
    await database.query(
      "update dispatcher.chain set claim_id = $2, claim_expiry = clock_timestamp() + interval '1 hour' where id = $1",
      [id, randomUUID()],
    );
    const error = await expectRefusal(api().dispatcher.execute({ chain: ref }), Code.Aborted, "CLAIMED");
    expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBe(1n);
    expect(asked(since)).toEqual([]);
    expect((await api().dispatcher.execute({ chain: ref, dryRun: true })).outcome).toBe(
      Outcome.WOULD_TRANSITION,
    );
    await database.query("update dispatcher.chain set claim_expiry = clock_timestamp() where id = $1", [id]);
    expect((await api().dispatcher.execute({ chain: ref, expectedVersion: 0n })).outcome).toBe(
      Outcome.TRANSITIONED,
    );
  });

  test("a caller's deadline ends the Execute, and the chain stays", async () => {
    answers = { one: () => new Promise(() => undefined) };
    const { ref } = await makeChain();
    const error = await api()
      .dispatcher.execute({ chain: ref }, { timeoutMs: 150 })
      .then(() => undefined, ConnectError.from);
    expect(error?.code).toBe(Code.DeadlineExceeded);
    expect((await api().dispatcher.getChain({ chain: ref })).chain?.version).toBe(0n);
  });
});

async function expectRefusal(call: Promise<unknown>, code: Code, reason: string): Promise<ConnectError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => ConnectError.from(thrown),
  );
  expect([error && Code[error.code], reasonOf(error)]).toEqual([Code[code], reason]);
  return error as ConnectError;
}

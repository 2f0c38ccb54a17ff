import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, type TestContext } from "vitest";
import { ErrorInfoSchema } from "../../gen/ts/google/rpc/error_details_pb.ts";
import { go } from "../foreign/go-toolchain.ts";
import { startPlainValidator } from "../foreign/plain-validator.ts";
import { python } from "../foreign/python-toolchain.ts";
import { runProgram, whyNot } from "../foreign/run-program.ts";
import { createTestDatabase } from "../support/database.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";

/** The first run downloads and compiles each language's libraries. */
const INSTALL_TIMEOUT = 600_000;
const ROOT = join(import.meta.dirname, "../..");
const CART = "Zürich 🛒 e\u0301";
const USER = "9007199254740993";
const RESOURCES = [
  ["cart", CART],
  ["user", USER],
];

let sidecar: Sidecar;

beforeAll(async () => {
  sidecar = await startSidecar({ databaseUrl: await createTestDatabase() });
});

afterAll(async () => {
  await sidecar.stop();
});

/** A missing tool skips the test on a person's machine, and fails it in CI. */
function need(problem: string | undefined, { skip }: TestContext): void {
  if (problem === undefined) return;
  if (process.env["CI"]) throw new Error(problem);
  // The reporter counts a skipped test, but does not say why it was skipped.
  console.warn(`Skipped: ${problem}`);
  skip(problem);
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "dispatcher-foreign-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

describe("A client and its validator, made from the .proto files", () => {
  const toolchains = { python, go };

  it.for(Object.entries(toolchains))(
    "by %s",
    { timeout: INSTALL_TIMEOUT },
    async ([name, toolchain], test) => {
      need(await toolchain.problem(), test);
      const client = await toolchain.build(await temporaryFolder());

      const seen = JSON.parse(await client(sidecar.grpc, `carts of ${name}`, CART));

      const evaluations = [
        ["give_up", "VERDICT_INVALID", ["too early"]],
        ["remind", "VERDICT_VALID", []],
      ];
      const answer = { transition: "remind", context: { language: name }, evaluations };
      const question = {
        from: "new",
        requested_by: name,
        resources: RESOURCES,
        initial_context: { total: 12.5, items: ["tea"] },
      };
      const asked = (dryRun: boolean) => [
        { ...question, transition: "give_up", final: "done", dry_run: dryRun },
        { ...question, transition: "remind", final: "reminded", dry_run: dryRun },
      ];
      const failure = { infos: 1, domain: "dispatcher", fields: [] };
      expect(seen).toEqual({
        health: ["SERVING", "SERVING"],
        registered: [true, false],
        local: true,
        created: [true, false],
        same_chain: true,
        resources: RESOURCES,
        dry: { ...answer, outcome: "OUTCOME_WOULD_TRANSITION", state: "new", version: 0 },
        dry_event: false,
        moved: { ...answer, outcome: "OUTCOME_TRANSITIONED", state: "reminded", version: 1 },
        same_answer: true,
        asked: [...asked(true), ...asked(false)],
        history: [[1, "remind", "new", "reminded", "order-7-remind", true]],
        unknown_type: { ...failure, code: Code.NotFound, reason: "CHAIN_TYPE_NOT_FOUND" },
        invalid: {
          ...failure,
          code: Code.InvalidArgument,
          reason: "INVALID_REQUEST",
          fields: ["key.resources"],
        },
      });
    },
  );
});

describe("curl", () => {
  async function curl(method: string, message: object) {
    const written = await runProgram(
      "curl",
      [
        ...["--silent", "--show-error", "--max-time", "20", "--header", "content-type: application/json"],
        ...["--data-binary", "@-", "--write-out", "\n%{http_code}"],
        `http://${sidecar.http}/dispatcher.v1.${method}`,
      ],
      { input: JSON.stringify(message) },
    );
    const [body = "", status] = written.split("\n");
    return { status: Number(status), body: JSON.parse(body) };
  }

  it("moves a chain in JSON, judged by a web server without a library", async (test) => {
    need(await whyNot("curl", "curl", ["--version"]), test);
    need(await whyNot("Python", "python3", ["--version"]), test);
    const validator = await startPlainValidator();
    onTestFinished(() => validator.stop());
    const states = [{ name: "new", transitions: ["give_up", "remind"] }];
    const transitions = [
      { name: "give_up", finalState: "done" },
      { name: "remind", finalState: "reminded" },
    ];
    const chainType = { name: "carts of curl", transitions, states };
    const resources = RESOURCES.map(([resourceType, resourceId]) => ({ resourceType, resourceId }));
    const key = { chainType: chainType.name, resources };

    const registered = await curl("RegistryService/RegisterChainType", { chainType });
    const local = await curl("RegistryService/RegisterValidator", {
      chainType: chainType.name,
      endpoint: validator.url,
    });
    const first = await curl("DispatcherService/GetOrCreateChain", { key });
    const again = await curl("DispatcherService/GetOrCreateChain", { key });
    const chain = { id: first.body.chain.id };
    const dry = await curl("DispatcherService/Execute", { chain, dryRun: true });
    const request = { chain, requestId: randomUUID(), initialContext: { total: 12.5 }, requestedBy: "curl" };
    const moved = await curl("DispatcherService/Execute", request);
    const repeated = await curl("DispatcherService/Execute", request);
    const history = await curl("DispatcherService/ListChainEvents", { chain });

    expect(registered).toMatchObject({ status: 200, body: { created: true, current: { revision: "1" } } });
    expect(local).toEqual({ status: 200, body: { local: true } });
    expect(first).toMatchObject({ status: 200, body: { created: true, chain: { state: "new", resources } } });
    expect(again.body).toEqual({ chain: first.body.chain });
    expect(dry.body).toMatchObject({ outcome: "OUTCOME_WOULD_TRANSITION", chain: { state: "new" } });
    expect(moved.body).toMatchObject({
      outcome: "OUTCOME_TRANSITIONED",
      chain: { state: "reminded", version: "1" },
      transition: { name: "remind", context: { language: "none" } },
      evaluations: [
        { transition: "give_up", verdict: "VERDICT_INVALID", errors: ["too early"] },
        { transition: "remind", verdict: "VERDICT_VALID" },
      ],
    });
    expect(repeated).toEqual(moved);
    expect(history.body.events).toMatchObject([{ id: moved.body.event.id, version: "1" }]);
    expect(validator.questions.map(({ transition }) => transition)).toEqual([
      ...["give_up", "remind"],
      ...["give_up", "remind"],
    ]);
    expect(validator.questions.at(-1)).toMatchObject({
      chain: { id: chain.id, chainType: chainType.name, state: "new", resources },
      fromState: "new",
      finalState: "reminded",
      initialContext: { total: 12.5 },
      requestedBy: "curl",
    });
  });

  it("reads why a call failed", async (test) => {
    need(await whyNot("curl", "curl", ["--version"]), test);
    const key = { chainType: "no such type", resources: [{ resourceType: "cart", resourceId: CART }] };

    const { status, body } = await curl("DispatcherService/GetOrCreateChain", { key });

    expect(status).toBe(404);
    expect(body).toMatchObject({ code: "not_found", details: [{ type: "google.rpc.ErrorInfo" }] });
    const info = fromBinary(ErrorInfoSchema, Buffer.from(body.details[0].value, "base64"));
    expect(info).toMatchObject({ domain: "dispatcher", reason: "CHAIN_TYPE_NOT_FOUND" });
  });
});

describe("buf curl", () => {
  const bufCurl = (...args: readonly string[]) =>
    runProgram(join(ROOT, "node_modules/.bin/buf"), ["curl", "--timeout", "20s", ...args], { cwd: ROOT });
  const overGrpc = ["--protocol", "grpc", "--http2-prior-knowledge"];

  it("learns the services by reflection", async () => {
    const listed = await bufCurl(...overGrpc, "--list-services", `http://${sidecar.grpc}`);

    expect(listed.trim().split("\n")).toEqual(
      expect.arrayContaining([
        "dispatcher.v1.DispatcherService",
        "dispatcher.v1.OperationsService",
        "dispatcher.v1.RegistryService",
      ]),
    );
  });

  it("calls a method that it knows by reflection alone", async () => {
    const url = `http://${sidecar.grpc}/dispatcher.v1.RegistryService/ListChainTypes`;
    await expect(bufCurl(...overGrpc, "--data", '{"pageSize":1001}', url)).rejects.toThrow(
      "invalid_argument",
    );
    expect(JSON.parse(await bufCurl(...overGrpc, "--data", '{"pageSize":1000}', url))).toBeTypeOf("object");
  });

  it("asks for the health of a service", async () => {
    const schema = ["--schema", "node_modules/grpc-health-check/proto"];
    const url = `http://${sidecar.grpc}/grpc.health.v1.Health/Check`;
    const ask = (service: string) =>
      bufCurl(...overGrpc, ...schema, "--data", JSON.stringify({ service }), url);

    expect(JSON.parse(await ask("dispatcher.v1.RegistryService"))).toEqual({ status: "SERVING" });
    await expect(ask("no.such.Service")).rejects.toThrow("not_found");
  });

  it.each(["connect", "grpcweb"])("speaks %s to the HTTP listener", async (protocol) => {
    const url = `http://${sidecar.http}/dispatcher.v1.RegistryService/ListChainTypes`;
    const answer = await bufCurl("--protocol", protocol, "--schema", ".", "--data", "{}", url);
    expect(JSON.parse(answer)).toBeTypeOf("object");
  });
});

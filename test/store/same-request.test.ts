import { afterAll, beforeAll, expect, test } from "vitest";
import { Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { AttemptKeeper } from "../../src/engine/attempt-keeper.ts";
import { execute } from "../../src/engine/execute.ts";
import type { ExecuteCommand } from "../../src/engine/execute-command.ts";
import { hastenNothing } from "../../src/engine/hasten.ts";
import { Registry } from "../../src/engine/registry.ts";
import { createCallbackClient } from "../../src/outbound/callback-client.ts";
import { createEndpointPolicy } from "../../src/outbound/endpoint-policy.ts";
import { createValidatorClient } from "../../src/outbound/validator-client.ts";
import { createChainStore } from "../../src/store/chain-store.ts";
import type { Database } from "../../src/store/database.ts";
import { valid } from "../support/judged-shop.ts";
import { makeChain, openMigratedDatabase } from "../support/store.ts";
import { startGrpcValidator, type ValidatorHost } from "../support/validator-host.ts";

let database: Database & { url: string };
let host: ValidatorHost;
const validators = createValidatorClient({});
const callbacks = createCallbackClient({});
beforeAll(async () => {
  database = await openMigratedDatabase();
  host = await startGrpcValidator(() => valid);
});
afterAll(async () => {
  await validators.close();
  await callbacks.close();
  await host.stop();
  await database.close();
});

/** An Execute of a sidecar that reaches the database in its own way. */
async function sidecarOn(
  reached: Database,
): Promise<(command: ExecuteCommand) => ReturnType<typeof execute>> {
  const registry = new Registry(reached);
  await registry.refresh();
  const store = createChainStore(reached, 128);
  const attempts = new AttemptKeeper(store, () => undefined);
  const policy = createEndpointPolicy({ allow: [], ownPorts: [], deniedTargets: [] });
  const parts = { store, registry, validators, callbacks, policy, attempts, hasten: hastenNothing };
  return (command) => execute(parts, command, { signal: new AbortController().signal });
}

const command: ExecuteCommand = {
  ref: {
    key: { chainType: "order", resources: [{ resourceType: "order", resourceId: "twice" }], match: "EXACT" },
  },
  createIfAbsent: true,
  initialContext: {},
  callbackContext: {},
  requestedBy: "test",
  dryRun: false,
  evaluateAll: false,
  ignoreSchedule: false,
  requestId: "one call",
  validatorEndpoint: "",
};

test("two calls with one request id that both create the chain: one step, one answer", async () => {
  const faster = await sidecarOn(database);
  const call = { ...command, expectedVersion: 0, validatorEndpoint: host.url };
  let first: Awaited<ReturnType<typeof execute>> | undefined;
  const slower = await sidecarOn({
    ...database,
    async query(sql, values) {
      // Between the slower one's look, which found no chain, and its attempt to create one.
      if (!first && typeof sql !== "string" && sql.name.startsWith("create_chains_"))
        first = await faster(call);
      return database.query(sql, values);
    },
  });
  const second = await slower(call);
  expect(first?.outcome).toBe("TRANSITIONED");
  expect(second).toEqual(first);
});

test("two calls with one request id: one answer, between whichever statements of one the other comes in", async () => {
  const faster = await sidecarOn(database);
  const tried: number[] = [];
  // Where the chain has come to, nothing is valid: whoever judged it there would answer so.
  const host = await startGrpcValidator(({ transition }) => ({
    verdict: transition === "pay" ? Verdict.VALID : Verdict.INVALID,
  }));
  for (let before = 1; ; before += 1) {
    const { id } = await makeChain(database);
    const call = { ...command, ref: { id }, validatorEndpoint: host.url };
    let first: Awaited<ReturnType<typeof execute>> | undefined;
    let statements: number | undefined;
    const count = async () => {
      if (statements === undefined) return;
      statements += 1;
      if (statements === before) first = await faster(call);
    };
    const slower = await sidecarOn({
      ...database,
      query: (sql, values) => count().then(() => database.query(sql, values)),
      read: (sql, values) => count().then(() => database.read(sql, values)),
    });
    statements = 0;
    const second = await slower(call);
    expect(second.outcome).toBe("TRANSITIONED");
    if (first) expect(second, `before statement ${before}`).toEqual(first);
    // The slower one was done before that.
    else break;
    tried.push(before);
  }
  expect(tried).toContain(2);
  await host.stop();
});

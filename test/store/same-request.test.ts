import { afterAll, beforeAll, expect, test } from "vitest";
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
import { openMigratedDatabase } from "../support/store.ts";
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

test("two calls with one request id that both create the chain: one step, one answer", async () => {
  const command: ExecuteCommand = {
    ref: {
      key: {
        chainType: "order",
        resources: [{ resourceType: "order", resourceId: "twice" }],
        match: "EXACT",
      },
    },
    createIfAbsent: true,
    initialContext: {},
    callbackContext: {},
    requestedBy: "test",
    dryRun: false,
    evaluateAll: false,
    ignoreSchedule: false,
    requestId: "one call",
    expectedVersion: 0,
    validatorEndpoint: host.url,
  };
  const faster = await sidecarOn(database);
  let first: Awaited<ReturnType<typeof execute>> | undefined;
  const slower = await sidecarOn({
    ...database,
    async query(sql, values) {
      // Between the slower one's look, which found no chain, and its attempt to create one.
      if (!first && typeof sql !== "string" && sql.name.startsWith("create_chains_"))
        first = await faster(command);
      return database.query(sql, values);
    },
  });
  const second = await slower(command);
  expect(first?.outcome).toBe("TRANSITIONED");
  expect(second).toEqual(first);
});

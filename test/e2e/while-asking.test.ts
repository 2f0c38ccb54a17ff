import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { type Clients, createClients, expectRefusal } from "../support/client.ts";
import { createTestDatabase } from "../support/database.ts";
import { byKey, keyOf, valid } from "../support/judged-shop.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { startGrpcValidator, type ValidatorHost } from "../support/validator-host.ts";

/** What holds while validators think: nothing is held for them, and nobody is asked for a caller who has gone. */

let sidecar: Sidecar;
let clients: Clients;
let host: ValidatorHost;
let release: () => void;

beforeAll(async () => {
  const databaseUrl = await createTestDatabase();
  sidecar = await startSidecar({ databaseUrl, env: { DISPATCHER_DB_POOL: "1" } });
  clients = createClients(sidecar.grpc);
  const thinking = new Promise<void>((resolve) => {
    release = resolve;
  });
  host = await startGrpcValidator(async ({ transition }) => {
    if (transition === "slow") await thinking;
    return valid;
  });
  const validator = { url: host.url, timeout: { seconds: 20n } };
  await clients.registry.registerChainType({
    chainType: {
      name: "thoughtful",
      validator,
      transitions: [
        { name: "slow", finalState: "done" },
        { name: "next", finalState: "done" },
      ],
      states: [{ name: "new", transitions: ["slow", "next"] }],
    },
  });
});
afterAll(async () => {
  await host.stop();
  await sidecar.stop();
});

test("no connection is held while a validator thinks (R12): one serves twenty Executes and everybody else", async () => {
  const executions = Array.from({ length: 20 }, () =>
    clients.dispatcher.execute({ chain: byKey(keyOf("thoughtful")), createIfAbsent: true }),
  );
  await expect.poll(() => host.calls.length).toBe(20);
  const { chains } = await clients.dispatcher.listChains({ filter: { chainType: "thoughtful" } });
  expect(chains).toHaveLength(20);
  release();
  for (const { outcome } of await Promise.all(executions)) expect(outcome).toBe(Outcome.TRANSITIONED);
});

test("after the caller has gone, nobody is asked any more, and the chain stays", async () => {
  let answer: () => void = () => undefined;
  const hanging = await startGrpcValidator(
    () =>
      new Promise((resolve) => {
        answer = () => resolve({ errors: ["no"] });
      }),
  );
  const ref = byKey(keyOf("thoughtful"));
  const caller = new AbortController();
  const execution = clients.dispatcher.execute(
    { chain: ref, createIfAbsent: true, validatorEndpoint: hanging.url },
    { signal: caller.signal },
  );
  await expect.poll(() => hanging.calls.length).toBe(1);
  caller.abort();
  expect(ConnectError.from(await execution.catch((error: unknown) => error)).code).toBe(Code.Canceled);
  answer();
  // Its trace is written once the sidecar has noticed.
  await expect
    .poll(async () => (await clients.dispatcher.getChain({ chain: ref })).lastAttempt?.reason)
    .toBe("CANCELLED");
  expect(hanging.calls.map(({ transition }) => transition)).toEqual(["slow"]);
  expect((await clients.dispatcher.getChain({ chain: ref })).chain?.version).toBe(0n);
  await hanging.stop();
});

test("a deadline that the validators cannot meet is the caller's, told as such", async () => {
  const hanging = await startGrpcValidator(() => new Promise(() => undefined));
  const ref = byKey(keyOf("thoughtful"));
  const call = clients.dispatcher.execute(
    { chain: ref, createIfAbsent: true, validatorEndpoint: hanging.url },
    { timeoutMs: 300 },
  );
  const error = await call.catch((thrown: unknown) => ConnectError.from(thrown));
  expect(error).toMatchObject({ code: Code.DeadlineExceeded });
  await expectRefusal(
    clients.dispatcher.execute({ chain: ref, expectedVersion: 1n }),
    Code.FailedPrecondition,
    "VERSION_MISMATCH",
  );
  await hanging.stop();
});

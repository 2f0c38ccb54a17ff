import { randomUUID } from "node:crypto";
import pg from "pg";
import { expect } from "vitest";
import { CallbackMode } from "../../gen/ts/dispatcher/v1/chain_type_pb.ts";
import { Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { type CallbackHost, type React, startGrpcCallback } from "./callback-host.ts";
import { type Clients, createClients } from "./client.ts";
import { createTestDatabase } from "./database.ts";
import { checkInvariants } from "./invariants.ts";
import { type Sidecar, startSidecar } from "./sidecar.ts";
import { type Answer, startGrpcValidator, type ValidatorHost } from "./validator-host.ts";
import { startWireProxy, type WireProxy } from "./wire-proxy.ts";

/** Two replicas of one application: the first dies, or its wire to the database does, and the second goes on. */
export interface TwoReplicas {
  readonly first: Sidecar;
  readonly second: Sidecar;
  readonly on: { readonly first: Clients; readonly second: Clients };
  /** The first one's wire to the database. */
  readonly wire: WireProxy;
  readonly databaseUrl: string;
  readonly database: pg.Client;
  /** After the database was killed: resolves once both reach it again. */
  reconnect(): Promise<void>;
  readonly validator: ValidatorHost;
  readonly receiver: CallbackHost;
  /** What the application does from now on. */
  answer(answer: Answer): void;
  react(react: React): void;
  makeChain(chainType?: string): Promise<Chain>;
  /** Stops a replica where it is, until it is woken. */
  pause(...replicas: readonly Sidecar[]): void;
  wake(replica: Sidecar): void;
  /** Ends the chain's claim, as time would. */
  expire(chain: Chain): Promise<unknown>;
  /** Checks that work went on and that what must always hold does, and ends everything. */
  end(): Promise<void>;
}

export interface Chain {
  readonly id: string;
  readonly ref: { readonly value: { readonly case: "id"; readonly value: string } };
}

export const valid = { verdict: Verdict.VALID };
export const invalid = { verdict: Verdict.INVALID, errors: ["no"] };

/** `new`, then `tried` or `gone`, then `done`. */
export const journey = (name: string, ...more: readonly { name: string; finalState: string }[]) => ({
  name,
  transitions: [
    { name: "try", finalState: "tried" },
    { name: "go", finalState: "gone" },
    { name: "end", finalState: "done" },
    ...more,
  ],
  states: [
    { name: "new", transitions: ["try", "go", ...more.map((transition) => transition.name)] },
    { name: "tried", transitions: ["end"] },
    { name: "gone", transitions: ["end"] },
  ],
});

/** Types `plain`, `before` and `after`: without a callback, and with one before or after the commit; and `auto`, which goes on by itself. */
export async function startTwoReplicas(url?: string): Promise<TwoReplicas> {
  const databaseUrl = url ?? (await createTestDatabase());
  const wire = await startWireProxy(databaseUrl);
  const first = await startSidecar({ databaseUrl: wire.url });
  const second = await startSidecar({ databaseUrl });
  const on = { first: createClients(first.grpc), second: createClients(second.grpc) };
  let database = await connect(databaseUrl);
  let answer: Answer = () => valid;
  let react: React = () => ({ kind: "done" });
  const validator = await startGrpcValidator((question) => answer(question));
  const receiver = await startGrpcCallback((call) => react(call));
  const endpoint = { url: receiver.url, timeout: { seconds: 10n } };
  const types = {
    plain: {},
    before: { callback: { endpoint, mode: CallbackMode.BEFORE_COMMIT } },
    after: { callback: { endpoint, mode: CallbackMode.AFTER_COMMIT } },
    auto: { autoExecute: {} },
  };
  const makeChain = async (chainType = "plain"): Promise<Chain> => {
    const resources = [{ resourceType: "thing", resourceId: randomUUID() }];
    const { chain } = await on.second.dispatcher.getOrCreateChain({ key: { chainType, resources } });
    const id = chain?.id ?? "";
    return { id, ref: { value: { case: "id", value: id } } };
  };
  for (const [name, more] of Object.entries(types)) {
    const chainType = {
      ...journey(name),
      validator: { url: validator.url, timeout: { seconds: 10n } },
      ...more,
    };
    await on.second.registry.registerChainType({ chainType });
  }
  return {
    first,
    second,
    on,
    wire,
    databaseUrl,
    get database() {
      return database;
    },
    async reconnect() {
      database = await connect(databaseUrl);
      await expect.poll(() => Promise.all([first, second].map(isReady))).toEqual([true, true]);
    },
    validator,
    receiver,
    answer: (next) => {
      answer = next;
    },
    react: (next) => {
      react = next;
    },
    makeChain,
    pause(...replicas) {
      for (const { pid } of replicas) process.kill(pid, "SIGSTOP");
    },
    wake: ({ pid }) => void process.kill(pid, "SIGCONT"),
    expire: ({ id }) =>
      database.query(
        "update dispatcher.chain set claim_expiry = clock_timestamp() where id = $1 and claim_id is not null",
        [id],
      ),
    async end() {
      receiver.release();
      answer = () => valid;
      react = () => ({ kind: "done" });
      const { ref } = await makeChain();
      expect((await on.second.dispatcher.execute({ chain: ref })).chain?.version).toBe(1n);
      await first.kill();
      await checkInvariants(databaseUrl, []);
      await second.stop();
      await Promise.all([validator.stop(), receiver.stop(), database.end()]);
      wire.close();
    },
  };
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  // A server that is killed is what the test is about.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

const isReady = async ({ operations }: Sidecar) => (await fetch(`http://${operations}/readyz`)).ok;

import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { type ValidateResponse, Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { createClients, createJsonClients, reasonOf } from "../support/client.ts";
import { createTestDatabase } from "../support/database.ts";
import { type OwnPostgres, startOwnPostgres } from "../support/own-postgres.ts";
import { type Sidecar, type SidecarOptions, startSidecar } from "../support/sidecar.ts";
import { startGrpcValidator } from "../support/validator-host.ts";

const open: Sidecar[] = [];
async function start(options: SidecarOptions): Promise<Sidecar> {
  const sidecar = await startSidecar(options);
  open.push(sidecar);
  return sidecar;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((sidecar) => sidecar.kill()));
});

const chainType = (url: string) => ({
  name: "job",
  validator: { url, timeout: { seconds: 10n } },
  transitions: [{ name: "finish", finalState: "done" }],
  states: [{ name: "new", transitions: ["finish"] }],
});
const chain = (resourceId: string) => ({
  value: {
    case: "key" as const,
    value: { chainType: "job", resources: [{ resourceType: "job", resourceId }] },
  },
});

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "dispatcher-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  // As root the embedded server runs as the user `postgres`, which must get in.
  await chmod(folder, 0o755);
  return folder;
}

test("SIGTERM: what is in flight is finished, new calls are refused, and the exit code is 0", async () => {
  const databaseUrl = await createTestDatabase();
  const sidecar = await start({ databaseUrl });
  const { dispatcher, registry } = createClients(sidecar.grpc);
  let answer: ((response: Pick<ValidateResponse, "verdict">) => void) | undefined;
  const host = await startGrpcValidator(
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  );
  onTestFinished(() => host.stop());
  await registry.registerChainType({ chainType: chainType(host.url) });
  const inFlight = dispatcher.execute({ chain: chain("1"), createIfAbsent: true });
  await expect.poll(() => answer).toBeDefined();

  const stopped = sidecar.stop();
  const late = createJsonClients(sidecar.http).dispatcher;
  await expect
    .poll(() =>
      late.getChain({ chain: chain("1") }).then(
        () => Code.Aborted,
        (error) => ConnectError.from(error).code,
      ),
    )
    .toBe(Code.Unavailable);
  answer?.({ verdict: Verdict.VALID });
  expect((await inFlight).outcome).toBe(Outcome.TRANSITIONED);
  expect(await stopped).toBe(0);
});

test("a call that hangs is cut when the grace is over, and the exit code is still 0", async () => {
  const databaseUrl = await createTestDatabase();
  const sidecar = await start({ databaseUrl, env: { DISPATCHER_SHUTDOWN_GRACE: "1" } });
  const { dispatcher, registry } = createClients(sidecar.grpc);
  const host = await startGrpcValidator(() => new Promise(() => undefined));
  onTestFinished(() => host.stop());
  await registry.registerChainType({ chainType: chainType(host.url) });
  const hanging = dispatcher.execute({ chain: chain("1"), createIfAbsent: true }).then(
    () => undefined,
    (error: unknown) => ConnectError.from(error),
  );
  await expect.poll(() => host.calls.length).toBe(1);
  expect(await sidecar.stop()).toBe(0);
  expect((await hanging)?.code).toBeDefined();
});

test("without a database it is live, not ready, refuses calls, and serves as soon as the database is there", async () => {
  let postgres: OwnPostgres | undefined = await startOwnPostgres();
  onTestFinished(() => postgres?.remove());
  await postgres.stop();
  const sidecar = await start({ databaseUrl: postgres.url, awaitReady: false });
  const status = (path: string) =>
    fetch(`http://${sidecar.operations}${path}`).then(
      (response) => response.status,
      () => 0,
    );
  await expect.poll(() => status("/healthz"), { timeout: 10_000 }).toBe(200);
  const answer = await fetch(`http://${sidecar.operations}/readyz`);
  expect(answer.status).toBe(503);
  expect((await answer.json()) as unknown).toMatchObject({
    ready: false,
    reasons: expect.arrayContaining([expect.stringContaining("database")]),
  });

  await expect
    .poll(
      () =>
        createClients(sidecar.grpc)
          .dispatcher.getChain({ chain: chain("1") })
          .catch(reasonOf),
      { timeout: 10_000 },
    )
    .toBe("NOT_READY");
  expect(
    await createJsonClients(sidecar.http)
      .dispatcher.getChain({ chain: chain("1") })
      .catch(reasonOf),
  ).toBe("NOT_READY");

  await postgres.start();
  await expect.poll(() => status("/readyz"), { timeout: 20_000 }).toBe(200);
  expect(
    await createClients(sidecar.grpc)
      .dispatcher.getChain({ chain: chain("1") })
      .catch(reasonOf),
  ).toBe("CHAIN_NOT_FOUND");
  expect(await sidecar.stop()).toBe(0);
  await postgres.remove();
  postgres = undefined;
});

test("a schema of another application ends the sidecar with a message that says what to do", async () => {
  const databaseUrl = await createTestDatabase();
  const first = await start({ databaseUrl });
  const second = startSidecar({ databaseUrl, env: { DISPATCHER_APPLICATION: "other" } });
  await expect(second).rejects.toThrow(
    'belongs to application "test", not to "other": set DISPATCHER_APPLICATION',
  );
  expect(await first.stop()).toBe(0);
});

test.each([
  [{ DISPATCHER_GRPC_ADDRESS: "0.0.0.0:0" }, "DISPATCHER_GRPC_ADDRESS"],
  [{ DISPATCHER_HTTP_ADDRESS: "10.0.0.1:0" }, "DISPATCHER_HTTP_ADDRESS"],
  [{ DISPATCHER_MIGRATE: "perhaps", DISPATCHER_TYPO: "1" }, "DISPATCHER_TYPO is not a setting"],
])("a setting that is not valid ends it at once, named: %o", async (env, words) => {
  const databaseUrl = await createTestDatabase();
  await expect(startSidecar({ databaseUrl, env })).rejects.toThrow(words);
});

test("an address that is taken is told by its setting, and the start lets go of its embedded database", async () => {
  const folder = await temporaryFolder();
  const first = await start({ databaseUrl: await createTestDatabase() });
  const env = { DISPATCHER_GRPC_ADDRESS: first.grpc, DISPATCHER_DATA_DIR: join(folder, "data") };
  await expect(startSidecar({ env })).rejects.toThrow(/DISPATCHER_GRPC_ADDRESS: .*EADDRINUSE/);
  expect(existsSync(join(folder, "data/postgres/PG_VERSION"))).toBe(true);
  expect(existsSync(join(folder, "data/postgres/postmaster.pid"))).toBe(false);
});

test("the API over unix sockets; a socket file left behind is replaced", async () => {
  const folder = await temporaryFolder();
  const databaseUrl = await createTestDatabase();
  const env = {
    DISPATCHER_GRPC_ADDRESS: `unix://${folder}/grpc.sock`,
    DISPATCHER_HTTP_ADDRESS: `unix://${folder}/http.sock`,
  };
  const killed = await start({ databaseUrl, env });
  await killed.kill();
  expect(existsSync(`${folder}/grpc.sock`)).toBe(true);
  const sidecar = await start({ databaseUrl, env });
  const { dispatcher } = createClients("localhost", `${folder}/grpc.sock`);
  expect(await dispatcher.getChain({ chain: chain("1") }).catch(reasonOf)).toBe("CHAIN_NOT_FOUND");
  expect(await sidecar.stop()).toBe(0);
});

test("the embedded database survives Ctrl-C, kill -9 and the next start; a second sidecar on it is refused", async () => {
  const folder = await temporaryFolder();
  const env = { DISPATCHER_DATA_DIR: join(folder, "data") };
  const host = await startGrpcValidator(() => ({ verdict: Verdict.VALID }));
  onTestFinished(() => host.stop());
  const first = await start({ env });
  const clients = createClients(first.grpc);
  await clients.registry.registerChainType({ chainType: chainType(host.url) });
  const moved = await clients.dispatcher.execute({ chain: chain("1"), createIfAbsent: true });
  await expect(startSidecar({ env })).rejects.toThrow("Another dispatcher uses");
  await first.kill();

  const second = await start({ env });
  expect((await createClients(second.grpc).dispatcher.getChain({ chain: chain("1") })).chain).toEqual(
    moved.chain,
  );
  process.kill(second.pid, "SIGINT");
  await expect.poll(() => isAlive(second.pid), { timeout: 10_000 }).toBe(false);

  const third = await start({ env });
  expect(
    (await createClients(third.grpc).dispatcher.listChainEvents({ chain: chain("1") })).events,
  ).toHaveLength(1);
  expect(await third.stop()).toBe(0);
});

test("the registry file: as kubelet swaps it; a bad one changes nothing and says where", async () => {
  const folder = await temporaryFolder();
  const file = (finalState: string, more = "") =>
    `chainTypes:\n  - name: letter\n    transitions:\n      - {name: send, finalState: ${finalState}}\n    states:\n      - {name: new, transitions: [send]}\n${more}`;
  const swap = async (version: string, text: string) => {
    await mkdir(join(folder, version));
    await writeFile(join(folder, version, "types.yaml"), text);
    await symlink(version, join(folder, "..data_tmp"));
    await rename(join(folder, "..data_tmp"), join(folder, "..data"));
  };
  await swap("..v1", file("done", "    nonsense: 1\n"));
  await symlink("..data/types.yaml", join(folder, "types.yaml"));
  const databaseUrl = await createTestDatabase();
  const sidecar = await start({
    databaseUrl,
    env: { DISPATCHER_CONFIG: join(folder, "types.yaml") },
    awaitReady: false,
  });
  await expect
    .poll(() => sidecar.log(), { timeout: 15_000 })
    .toContain(`types.yaml:7:5 chainTypes[0]: unknown key \\"nonsense\\"`);
  expect((await fetch(`http://${sidecar.operations}/readyz`)).status).toBe(503);

  await swap("..v2", file("done"));
  await expect
    .poll(() => fetch(`http://${sidecar.operations}/readyz`).then(({ status }) => status), {
      timeout: 10_000,
    })
    .toBe(200);
  const { registry } = createClients(sidecar.grpc);
  expect((await registry.getChainType({ name: "letter" })).currentRevision).toBe(1n);
  await swap("..v3", file("sent"));
  await expect
    .poll(async () => (await registry.getChainType({ name: "letter" })).currentRevision, { timeout: 10_000 })
    .toBe(2n);
  expect(await sidecar.stop()).toBe(0);
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

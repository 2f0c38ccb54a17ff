import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CallbackMode } from "../../gen/ts/dispatcher/v1/chain_type_pb.ts";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { type CallbackHost, startGrpcCallback } from "../support/callback-host.ts";
import { type Clients, createClients, expectRefusal } from "../support/client.ts";
import { valid } from "../support/judged-shop.ts";
import { line, openScheduled, type Scheduled } from "../support/scheduled.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { startGrpcValidator, type ValidatorHost } from "../support/validator-host.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const CLOCK = pathToFileURL(join(import.meta.dirname, "../support/shifted-clock.ts"));

// Whatever a sidecar's own clock says, time is the database's (R20, R21, R23).
describe.each([
  ["a day ahead", DAY_MS],
  ["a day behind", -DAY_MS],
])("a sidecar whose clock is %s", (_, shiftMs) => {
  let scheduled: Scheduled;
  let sidecar: Sidecar;
  let clients: Clients;
  let validator: ValidatorHost;
  let receiver: CallbackHost;
  beforeAll(async () => {
    scheduled = await openScheduled();
    validator = await startGrpcValidator(() => valid);
    receiver = await startGrpcCallback();
    sidecar = await startSidecar({
      databaseUrl: scheduled.databaseUrl,
      env: { NODE_OPTIONS: `--import=${CLOCK}`, TEST_CLOCK_SHIFT_MS: String(shiftMs) },
    });
    clients = createClients(sidecar.grpc);
    await clients.registry.registerChainType({
      chainType: {
        name: "trip",
        validator: { url: validator.url },
        transitions: [
          { name: "go", finalState: "away", delay: { seconds: BigInt(HOUR_MS / 1000) } },
          { name: "come", finalState: "done" },
        ],
        states: [
          { name: "new", transitions: ["go"] },
          { name: "away", transitions: ["come"] },
        ],
      },
    });
  });
  afterAll(async () => {
    await sidecar.stop();
    await Promise.all([validator.stop(), receiver.stop()]);
    await scheduled.end();
  });

  const makeTrip = async () => {
    const id = await scheduled.makeChain(clients, "trip", { due: false });
    return { id, chain: { value: { case: "id" as const, value: id } } };
  };
  const set = (column: string, id: string) =>
    scheduled.database.query(`update dispatcher.chain set ${column} = clock_timestamp() where id = $1`, [id]);

  test("really has that clock", () => {
    const [first = ""] = sidecar.log().split("\n");
    const time = new Date((JSON.parse(first) as { time: string | number }).time).getTime();
    expect(Math.abs(time - Date.now() - shiftMs)).toBeLessThan(HOUR_MS);
  });

  test("keeps a chain waiting for its delay, and no longer", async () => {
    const { id, chain } = await makeTrip();
    const moved = await clients.dispatcher.execute({ chain });
    const dueMs = timestampMs(moved.chain?.nextUpdateTime ?? expect.fail()) - Date.now();
    expect(dueMs).toBeGreaterThan(HOUR_MS - 60_000);
    expect(dueMs).toBeLessThanOrEqual(HOUR_MS);
    await expectRefusal(clients.dispatcher.execute({ chain }), Code.FailedPrecondition, "NOT_DUE");
    await set("next_update_time", id);
    expect(await clients.dispatcher.execute({ chain })).toMatchObject({ outcome: Outcome.TRANSITIONED });
  });

  test("completes a claim while it lives, and not after it has expired", async () => {
    const claim = async () => {
      const { id, chain } = await makeTrip();
      const { claim: taken } = await clients.dispatcher.execute({ chain, claim: true });
      return { id, token: taken?.token ?? "" };
    };
    const living = await claim();
    const completed = await clients.dispatcher.completeTransition({ token: living.token });
    expect(completed).toMatchObject({ chain: { state: "away", version: 1n } });
    const expired = await claim();
    await set("claim_expiry", expired.id);
    const late = clients.dispatcher.completeTransition({ token: expired.token });
    await expectRefusal(late, Code.Aborted, "CLAIM_EXPIRED");
  });

  test("wakes chains when they are due, and delivers what they cause", async () => {
    const callback = { endpoint: { url: receiver.url }, mode: CallbackMode.AFTER_COMMIT };
    const chainType = { ...line("walk", validator.url, "half", "far", "done"), callback };
    const [half, ...rest] = chainType.transitions;
    const transitions = [{ ...half, delay: { seconds: 1n } }, ...rest];
    await clients.registry.registerChainType({ chainType: { ...chainType, transitions } });
    const id = await scheduled.makeChain(clients, "walk");
    const [, second] = await scheduled.reaches(id, "done");
    expect(second?.late).toBeGreaterThanOrEqual(0);
    await expect
      .poll(() => receiver.calls.map(({ request }) => request.transition?.name))
      .toEqual(["half", "far"]);
  });
});

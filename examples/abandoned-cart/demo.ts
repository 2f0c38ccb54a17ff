import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAsExpected } from "./closing.ts";
import { customers } from "./customers.ts";
import { findFreePorts } from "./free-ports.ts";
import { MailServer } from "./mail-server.ts";
import { say, scene } from "./narrator.ts";
import { createDispatcherClient } from "./shop/dispatcher-client.ts";
import { ShopProcess } from "./shop-process.ts";
import { SidecarProcess } from "./sidecar-process.ts";
import { tellStory } from "./story.ts";

const log = "sidecar.log";

class Interrupted extends Error {}

// Listened for from the first moment on, so that nothing is left behind whenever it comes.
const interruption = untilInterrupted();
// Short, since the sidecar has a socket in there.
const folder = await mkdtemp(join(tmpdir(), "demo-"));
// As root, PostgreSQL runs as another user, who must get in to its data.
await chmod(folder, 0o755);

try {
  process.exitCode = (await run()) ? 0 : 1;
  await rm(folder, { recursive: true, force: true });
} catch (error) {
  if (error instanceof Interrupted) {
    await rm(folder, { recursive: true, force: true });
    process.exit(130);
  }
  for (const name of await readdir(folder)) {
    if (name !== log) await rm(join(folder, name), { recursive: true, force: true });
  }
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : error}`);
  console.error(`The sidecar's log is ${join(folder, log)}`);
  process.exit(1);
}

/** Returns whether everything was as expected. Whatever was started is stopped, however it ends. */
async function run(): Promise<boolean> {
  const ports = await findFreePorts(5);
  await using stage = new AsyncDisposableStack();
  return await Promise.race([play(stage, ports), interruption]);
}

async function play(
  stage: AsyncDisposableStack,
  [grpcPort = 0, webPort = 0, ...sidecarPorts]: readonly number[],
): Promise<boolean> {
  say("An abandoned-cart shop and its sidecar, as two processes, and a mail server.");
  const mailServer = stage.use(new MailServer());
  const smtpUrl = await mailServer.listen();

  const begin = performance.now();
  const sidecar = stage.use(new SidecarProcess(folder, sidecarPorts));
  await sidecar.start();
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  const { grpcAddress } = sidecar;
  say(`  sidecar  gRPC on ${grpcAddress}, with an empty database of its own; ready in ${seconds} s`);

  const file = join(folder, "shop.sqlite");
  const shop = stage.use(
    new ShopProcess({ dispatcherAddress: grpcAddress, smtpUrl, file, grpcPort, webPort }),
  );
  await shop.start();
  say("  shop     has its own tables of carts and of sent mails, three validators and a callback");

  const client = createDispatcherClient(grpcAddress);
  await tellStory({ shop, sidecar, mailServer, client });

  await scene("What is left: the histories, as the sidecar keeps them, and the mails.");
  const { ledger = [] } = await shop.tell({ kind: "read-ledger" });
  const checks: boolean[] = [];
  for (const customer of customers) {
    checks.push(await isAsExpected(client, customer, { received: mailServer.received, ledger }));
  }

  const exitCode = await sidecar.stop();
  if (exitCode !== 0) throw new Error(`the sidecar ended with ${exitCode}`);

  const asExpected = checks.every(Boolean);
  say(`\nHistories, mails and ledger are ${asExpected ? "" : "not "}as expected.`);
  return asExpected;
}

function untilInterrupted(): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => reject(new Interrupted(signal)));
  }
  // Whoever reads has gone, as `head` does.
  process.stdout.on("error", () => reject(new Interrupted("nobody reads any more")));
  // It may come while nobody waits for it yet.
  promise.catch(() => {});
  return promise;
}

import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ada, ben, cleo } from "./customers.ts";
import { findFreePorts } from "./free-ports.ts";
import { isAsExpected, readHistory } from "./histories.ts";
import { say, scene } from "./narrator.ts";
import { createDispatcherClient } from "./shop/dispatcher-client.ts";
import { ShopProcess } from "./shop-process.ts";
import { SidecarProcess } from "./sidecar-process.ts";
import { Story } from "./story.ts";

const customers = [ada, ben, cleo];

class Interrupted extends Error {}

// Listened for from the first moment on, so that nothing is left behind whenever it comes.
const interruption = untilInterrupted();
const folder = await mkdtemp(join(tmpdir(), "dispatcher-demo-"));
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
  await rm(join(folder, "data"), { recursive: true, force: true });
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : error}`);
  console.error(`The sidecar's log is ${join(folder, "sidecar.log")}`);
  process.exit(1);
}

/** Returns whether everything was as expected. Whatever was started is stopped, however it ends. */
async function run(): Promise<boolean> {
  const ports = await findFreePorts(3);
  await using stage = new AsyncDisposableStack();
  return await Promise.race([play(stage, ports), interruption]);
}

async function play(stage: AsyncDisposableStack, ports: readonly number[]): Promise<boolean> {
  say("An abandoned-cart shop and its sidecar, as two processes.");
  const begin = performance.now();
  const sidecar = stage.use(new SidecarProcess(folder, ports));
  await sidecar.ready();
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  say(`  sidecar  gRPC on ${sidecar.grpcAddress}, with an empty database of its own; ready in ${seconds} s`);

  const shop = stage.use(new ShopProcess(sidecar.grpcAddress));
  await shop.open();
  say("  shop     has its own table of carts and three validators: two over gRPC, one a plain web handler");

  const client = createDispatcherClient(sidecar.grpcAddress);
  const story = new Story(shop, client);
  await story.tell();

  await scene("The histories, as the sidecar keeps them.");
  const checks: boolean[] = [];
  for (const customer of customers) {
    const history = await readHistory(client.dispatcher, customer);
    const mails = story.mails.filter((mail) => mail.to === customer.name).map((mail) => mail.subject);
    checks.push(
      isAsExpected(`the history of ${customer.name}`, history, customer.history),
      isAsExpected(`the mail to ${customer.name}`, mails, customer.mails),
    );
  }

  const exitCode = await sidecar.stop();
  if (exitCode !== 0) throw new Error(`the sidecar ended with ${exitCode}`);

  const asExpected = checks.every(Boolean);
  say(asExpected ? "\nThe histories are as expected." : "\nThe histories are not as expected.");
  return asExpected;
}

function untilInterrupted(): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => reject(new Interrupted(signal)));
  }
  // It may come while nobody waits for it yet.
  promise.catch(() => {});
  return promise;
}

import { startApp } from "./app.ts";
import { parseConfig, readEnvironment } from "./config.ts";
import { createLog } from "./observability/log.ts";

/** Asked for once; a second signal ends the process at once, as by default. */
const askedToStop = new Promise<NodeJS.Signals>((resolve) => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, resolve);
});

try {
  const config = parseConfig(readEnvironment());
  const log = createLog(config.logLevel);
  const app = await startApp(config, log);
  try {
    const signal = await Promise.race([askedToStop, app.ended]);
    log.info({ signal }, "stopping");
  } finally {
    await app.stop();
  }
  process.exit(0);
} catch (error) {
  // The log may not exist yet, and a person reads this.
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

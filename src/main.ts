import { parseConfig, readEnvironment } from "./config.ts";
import { restartWithNodeSettings } from "./node-settings.ts";

// All that takes time to load is imported after it.
restartWithNodeSettings(readEnvironment());

/** Asked for once; a second signal ends the process at once, as by default. */
const askedToStop = new Promise<NodeJS.Signals>((resolve) => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, resolve);
});

try {
  const config = parseConfig(readEnvironment());
  const { startApp } = await import("./app.ts");
  const { createLog } = await import("./observability/log.ts");
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

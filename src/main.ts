import { startApp } from "./app.ts";
import { parseConfig, readEnvironment } from "./config.ts";
import { createLog } from "./observability/log.ts";

try {
  const config = parseConfig(readEnvironment());
  const log = createLog(config.logLevel);
  const app = await startApp(config, log);
  const stop = async (signal: NodeJS.Signals) => {
    log.info({ signal }, "stopping");
    await app.stop();
    process.exit(0);
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  await app.ended;
} catch (error) {
  // The log may not exist yet, and a person reads this.
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface PlainValidator {
  /** What to register as the endpoint. */
  readonly url: string;
  /** Every question so far, as its JSON came over the wire. */
  readonly questions: readonly Record<string, unknown>[];
  stop(): Promise<void>;
}

/** Starts the validator that is nothing but Python's own web server. */
export async function startPlainValidator(): Promise<PlainValidator> {
  const child = spawn("python3", [join(import.meta.dirname, "python/plain_validator.py")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  const closed = once(child, "close");
  const lines = createInterface(child.stdout);
  const [url] = await Promise.race([
    once(lines, "line"),
    closed.then(() => Promise.reject(new Error("the plain validator ended"))),
  ]);
  const questions: Record<string, unknown>[] = [];
  lines.on("line", (line) => questions.push(JSON.parse(line)));
  return {
    url,
    questions,
    async stop() {
      process.off("exit", end);
      end();
      await closed;
    },
  };
}

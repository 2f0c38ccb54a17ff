import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { findFreePorts } from "../../examples/abandoned-cart/free-ports.ts";

export interface BenchSidecar {
  readonly pid: number;
  readonly grpcPort: number;
  /** From the start of the process until it takes calls. */
  readonly readyMs: number;
  /** Calls a method over the JSON door. */
  call(method: string, request: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

const ROOT = join(import.meta.dirname, "../..");
const LOOK_EVERY_MS = 5;

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** The real sidecar, as `npm start` runs it. */
export async function startSidecar(
  databaseUrl: string,
  env: Readonly<Record<string, string>> = {},
): Promise<BenchSidecar> {
  const [grpc, http, operations] = await findFreePorts(3);
  const startedMs = performance.now();
  const child = spawn(process.execPath, ["src/main.ts"], {
    cwd: ROOT,
    env: {
      PATH: process.env["PATH"],
      DATABASE_URL: databaseUrl,
      DISPATCHER_APPLICATION: "bench",
      DISPATCHER_GRPC_ADDRESS: `127.0.0.1:${grpc}`,
      DISPATCHER_HTTP_ADDRESS: `127.0.0.1:${http}`,
      DISPATCHER_OPERATIONS_ADDRESS: `127.0.0.1:${operations}`,
      ...env,
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  running.add(child);
  const ended = once(child, "exit").then(() => running.delete(child));
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${operations}/readyz`).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok) break;
    if (child.exitCode !== null) throw new Error("the sidecar ended before it was ready");
    await setTimeout(LOOK_EVERY_MS);
  }
  return {
    pid: child.pid ?? 0,
    grpcPort: grpc ?? 0,
    readyMs: performance.now() - startedMs,
    async call(method, request) {
      const answer = await fetch(`http://127.0.0.1:${http}/dispatcher.v1.${method}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(request),
      });
      if (!answer.ok) throw new Error(`${method}: ${await answer.text()}`);
      return answer.json();
    },
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

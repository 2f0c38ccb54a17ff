import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { vi } from "vitest";
import { freeAddress } from "./free-address.ts";

const ROOT = join(import.meta.dirname, "../..");

export interface SidecarOptions {
  /** Without it the sidecar runs its embedded database. */
  readonly databaseUrl?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Addresses of a sidecar that ended, whose successor this is. */
  readonly succeeds?: Pick<Sidecar, "grpc" | "http" | "operations">;
  /** False: do not wait until it is ready. */
  readonly awaitReady?: boolean;
}

/** A sidecar in a process of its own, as `npm start` runs it. */
export interface Sidecar {
  /** `host:port` of each listener. */
  readonly grpc: string;
  readonly http: string;
  readonly operations: string;
  readonly pid: number;
  /** All that it has written. */
  log(): string;
  /** Ends it as Kubernetes does; resolves with its exit code. */
  stop(): Promise<number | null>;
  /** Ends it without a chance to clean up. */
  kill(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export async function startSidecar(options: SidecarOptions = {}): Promise<Sidecar> {
  const { databaseUrl, env, succeeds, awaitReady = true } = options;
  const { grpc, http, operations } = succeeds ?? {
    grpc: await freeAddress(),
    http: await freeAddress(),
    operations: await freeAddress(),
  };
  const child = spawn(process.execPath, ["src/main.ts"], {
    cwd: ROOT,
    env: {
      ...process.env,
      ...(databaseUrl && { DATABASE_URL: databaseUrl, DISPATCHER_APPLICATION: "test" }),
      DISPATCHER_GRPC_ADDRESS: grpc,
      DISPATCHER_HTTP_ADDRESS: http,
      DISPATCHER_OPERATIONS_ADDRESS: operations,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const closed = once(child, "close").then(() => running.delete(child));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const checkReady = async () => {
    const response = await fetch(`http://${operations}/readyz`);
    if (!response.ok) throw new Error(await response.text());
  };
  if (awaitReady) {
    const ended = closed.then(() => Promise.reject(new Error(`the sidecar ended:\n${output}`)));
    await Promise.race([ended, vi.waitFor(checkReady, { timeout: 30_000, interval: 50 })]);
    ended.catch(() => undefined);
  }

  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await closed;
    return child.exitCode;
  };
  return {
    grpc,
    http,
    operations,
    pid: child.pid ?? 0,
    log: () => output,
    stop: () => end("SIGTERM"),
    kill: async () => void (await end("SIGKILL")),
  };
}

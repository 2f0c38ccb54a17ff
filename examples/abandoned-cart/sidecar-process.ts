import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const root = join(import.meta.dirname, "../..");
const startsWithinMs = 60_000;
const stopsWithinMs = 20_000;

/** The sidecar as a process of its own, on free ports and with an empty database of its own. */
export class SidecarProcess implements AsyncDisposable {
  readonly grpcAddress: string;
  readonly #operationsAddress: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | string>;

  /** Starts it. It keeps its data and its log in the folder, and takes three ports. */
  constructor(folder: string, ports: readonly number[]) {
    const [grpc, http, operations] = ports.map((port) => `127.0.0.1:${port}`);
    this.grpcAddress = grpc ?? "";
    this.#operationsAddress = operations ?? "";

    const log = openSync(join(folder, "sidecar.log"), "a");
    this.#child = spawn(process.execPath, [join(root, "src/main.ts")], {
      cwd: root,
      // Its own process group: Ctrl-C reaches the demo, and the demo stops the sidecar.
      detached: true,
      stdio: ["ignore", log, log],
      env: {
        ...withoutSettings(process.env),
        DISPATCHER_GRPC_ADDRESS: grpc,
        DISPATCHER_HTTP_ADDRESS: http,
        DISPATCHER_OPERATIONS_ADDRESS: operations,
        DISPATCHER_DATA_DIR: join(folder, "data"),
      },
    });
    closeSync(log);
    this.#exit = once(this.#child, "exit").then(([code, signal]) => code ?? signal);
  }

  /** Resolves once the sidecar takes calls. */
  async ready(): Promise<void> {
    const deadline = Date.now() + startsWithinMs;
    while (!(await this.#isReady())) {
      if (this.#hasExited()) throw new Error("the sidecar ended before it was ready");
      if (Date.now() > deadline) throw new Error("the sidecar is not ready after a minute");
      await wait(50);
    }
  }

  /** Asks the sidecar to stop and returns its exit code, or the signal that ended it. */
  async stop(): Promise<number | string> {
    const force = setTimeout(() => this.#child.kill("SIGKILL"), stopsWithinMs);
    this.#child.kill("SIGTERM");
    try {
      return await this.#exit;
    } finally {
      clearTimeout(force);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasExited()) await this.stop();
    this.#killGroup();
  }

  /** Ends what a sidecar that was stopped in the middle of its start has left running, such as PostgreSQL's initdb. */
  #killGroup(): void {
    try {
      process.kill(-(this.#child.pid ?? Number.NaN), "SIGKILL");
    } catch {
      // Nothing was left, as usual.
    }
  }

  #hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await fetch(`http://${this.#operationsAddress}/readyz`)).ok;
    } catch {
      return false;
    }
  }
}

/** What is set for another sidecar in this shell, its database above all, is not for this one. */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => name !== "DATABASE_URL" && !name.startsWith("DISPATCHER_"),
    ),
  );
}

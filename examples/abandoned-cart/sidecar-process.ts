import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { endProcessGroup } from "./process-group.ts";
import { until } from "./until.ts";

const root = join(import.meta.dirname, "../..");
const stopsWithinMs = 20_000;

interface Running {
  readonly child: ChildProcess;
  /** The exit code, or the signal that ended it. */
  readonly exit: Promise<number | string>;
}

/**
 * The sidecar as a process of its own, on free ports and with a database of its own. It may be killed and started again, on the
 * same data: its PostgreSQL outlives it, and is taken over by the next one.
 */
export class SidecarProcess implements AsyncDisposable {
  readonly grpcAddress: string;
  readonly #operationsAddress: string;
  readonly #folder: string;
  readonly #environment: NodeJS.ProcessEnv;
  /** The present one last, after those of which something may be left. */
  readonly #started: Running[] = [];
  #isDisposed = false;

  /** It keeps its data and its log in the folder, and takes three ports. */
  constructor(folder: string, ports: readonly number[]) {
    const [grpc, http, operations] = ports.map((port) => `127.0.0.1:${port}`);
    this.grpcAddress = grpc ?? "";
    this.#operationsAddress = operations ?? "";
    this.#folder = folder;
    this.#environment = {
      ...withoutSettings(process.env),
      DISPATCHER_GRPC_ADDRESS: grpc,
      DISPATCHER_HTTP_ADDRESS: http,
      DISPATCHER_OPERATIONS_ADDRESS: operations,
      DISPATCHER_DATA_DIR: join(folder, "data"),
      // What a killed one leaves there goes with the folder.
      TMPDIR: folder,
    };
  }

  /** Resolves once the sidecar takes calls. */
  async start(): Promise<void> {
    if (this.#isDisposed) throw new Error("the demo is over");
    const log = openSync(join(this.#folder, "sidecar.log"), "a");
    const child = spawn(process.execPath, [join(root, "src/main.ts")], {
      cwd: root,
      // Its own process group: Ctrl-C reaches the demo, and the demo stops the sidecar.
      detached: true,
      stdio: ["ignore", log, log],
      env: this.#environment,
    });
    closeSync(log);
    this.#started.push({ child, exit: once(child, "exit").then(([code, signal]) => code ?? signal) });

    await until("the sidecar is ready", async () => {
      if (hasExited(child)) throw new Error("the sidecar ended before it was ready");
      return (await this.#isReady()) || undefined;
    });
    // It has taken over what its predecessors had left.
    this.#started.splice(0, this.#started.length - 1);
  }

  /** Ends it without a chance to finish anything: kill -9. */
  async kill(): Promise<void> {
    const { child, exit } = this.#present();
    child.kill("SIGKILL");
    await exit;
  }

  /** Asks the sidecar to stop and returns its exit code, or the signal that ended it. */
  async stop(): Promise<number | string> {
    const { child, exit } = this.#present();
    const force = setTimeout(() => child.kill("SIGKILL"), stopsWithinMs);
    child.kill("SIGTERM");
    const end = await exit;
    clearTimeout(force);
    return end;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    const present = this.#started.at(-1);
    if (present && !hasExited(present.child)) await this.stop();
    // Such as the PostgreSQL of a killed one, or the initdb of one that was stopped in the middle of its start.
    const groups = this.#started.flatMap(({ child }) => child.pid ?? []);
    await Promise.all(groups.map(endProcessGroup));
  }

  #present(): Running {
    const present = this.#started.at(-1);
    if (!present) throw new Error("the sidecar was not started");
    return present;
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await fetch(`http://${this.#operationsAddress}/readyz`)).ok;
    } catch {
      return false;
    }
  }
}

function hasExited({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** What is set for another sidecar in this shell, its database above all, is not for this one. */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => name !== "DATABASE_URL" && !name.startsWith("DISPATCHER_"),
    ),
  );
}

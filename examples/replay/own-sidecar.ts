import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ReplayError } from "./replay-error.ts";

/** A sidecar that lives as long as the replay. */
export interface OwnSidecar {
  readonly address: string;
  /** Rejects when the sidecar ends before `stop`, with what it said last. */
  readonly ended: Promise<never>;
  stop(): Promise<void>;
}

/** Where the sidecar is run, as by `npm start`. */
export const PROJECT_FOLDER = fileURLToPath(new URL("../..", import.meta.url));
const LAST_OUTPUT_BYTES = 4000;
const STOP_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 50;

/** Starts a sidecar on free loopback ports, on the database that `npm start` would use, and waits until it listens. */
export async function startOwnSidecar(): Promise<OwnSidecar> {
  const [grpc, http, operations] = await freeAddresses();
  const child = spawn(process.execPath, ["--import", "./examples/replay/end-with-parent.ts", "src/main.ts"], {
    cwd: PROJECT_FOLDER,
    env: {
      ...process.env,
      DISPATCHER_GRPC_ADDRESS: grpc,
      DISPATCHER_HTTP_ADDRESS: http,
      DISPATCHER_OPERATIONS_ADDRESS: operations,
    },
    // The child ends when its stdin does, so also when this process is killed.
    stdio: ["pipe", "pipe", "pipe"],
  });
  let output = "";
  const keep = (chunk: string) => {
    output = (output + chunk).slice(-LAST_OUTPUT_BYTES);
  };
  child.stdout.setEncoding("utf8").on("data", keep);
  child.stderr.setEncoding("utf8").on("data", keep);
  const exit = once(child, "exit");
  // By then all that it said is here.
  const ended = once(child, "close").then(([code, signal]) => {
    throw new ReplayError(
      `the sidecar that was started for the replay ended (${signal ?? `exit code ${code}`}):\n${output}`,
    );
  });
  // Whoever waits for it gets the error; nobody does after `stop`.
  ended.catch(() => undefined);
  await untilListening(grpc, ended);
  return {
    address: grpc,
    ended,
    stop: async () => {
      child.stdin.end();
      const late = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN_MS);
      await exit;
      clearTimeout(late);
    },
  };
}

/** True if something listens at `host:port`. */
export async function isListening(address: string): Promise<boolean> {
  const { hostname: host, port } = new URL(`tcp://${address}`);
  const socket = connect({ host, port: Number(port) });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function untilListening(address: string, ended: Promise<never>): Promise<void> {
  const over = new AbortController();
  const look = async () => {
    while (!(await isListening(address))) await sleep(LOOK_EVERY_MS, undefined, { signal: over.signal });
  };
  try {
    await Promise.race([look(), ended]);
  } finally {
    over.abort();
  }
}

/** Held all at once, so that they differ. Somebody else may still take one before the sidecar does; it then says so. */
async function freeAddresses(): Promise<[string, string, string]> {
  const holders = [createServer(), createServer(), createServer()] as const;
  const [first, second, third] = holders;
  try {
    return [await hold(first), await hold(second), await hold(third)];
  } finally {
    for (const holder of holders) holder.close();
  }
}

async function hold(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("a TCP server has a port");
  return `127.0.0.1:${address.port}`;
}

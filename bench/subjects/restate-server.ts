import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, rm } from "node:fs/promises";
import { arch, platform, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { findFreePorts } from "../../examples/abandoned-cart/free-ports.ts";
import { NotInstalled } from "../measure/subject.ts";
import { RIVALS } from "../rivals/install-rivals.ts";

export interface RestateServer {
  readonly pid: number;
  readonly ingressPort: number;
  /** Tells it where a service listens. */
  register(port: number): Promise<void>;
  /** Rows of its own tables. */
  query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 50;
const PATIENCE_MS = 60_000;

/** A server of one node with its default settings, in a folder of its own. */
export async function startRestateServer(): Promise<RestateServer> {
  const program = join(
    RIVALS,
    `node_modules/@restatedev/restate-server-${platform()}-${arch()}/bin/restate-server`,
  );
  await access(program).catch(() => {
    throw new NotInstalled(`Restate has no server for ${platform()} on ${arch()}`);
  });
  requireDurability(program);
  const folder = await mkdtemp(join(tmpdir(), "dispatcher-restate-"));
  const [ingressPort = 0, adminPort = 0, nodePort = 0] = await findFreePorts(3);
  const server = spawn(program, ["--no-logo", "--node-name", "bench", "--base-dir", folder], {
    env: {
      ...process.env,
      RESTATE_LISTEN_MODE: "tcp",
      RESTATE_BIND_ADDRESS: `127.0.0.1:${nodePort}`,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingressPort}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${adminPort}`,
      RESTATE_DISABLE_TELEMETRY: "true",
      RESTATE_LOG_FILTER: "error,octocrab=off",
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const kill = () => server.kill("SIGKILL");
  process.once("exit", kill);
  const ended = once(server, "exit");
  const admin = `http://127.0.0.1:${adminPort}`;
  const stop = async () => {
    kill();
    await ended;
    process.off("exit", kill);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await answers(`${admin}/health`, () => server.exitCode !== null);
    await answers(`http://127.0.0.1:${ingressPort}/restate/health`, () => server.exitCode !== null);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    pid: server.pid ?? 0,
    ingressPort,
    async register(port) {
      await post(`${admin}/deployments`, { uri: `http://127.0.0.1:${port}` });
    },
    async query(sql) {
      const { rows } = (await post(`${admin}/query`, { query: sql })) as { rows: Record<string, unknown>[] };
      return rows;
    },
    stop,
  };
}

/** As it is by default, unless the environment says otherwise. */
function requireDurability(program: string): void {
  const settings = execFileSync(program, ["--dump-config"], { encoding: "utf8" });
  const log = /^\[log-server\]$([^[]*)/m.exec(settings)?.[1] ?? "";
  if (!/^rocksdb-disable-wal-fsync = false$/m.test(log))
    throw new Error("Restate does not sync its log: a figure without it would be no figure");
}

async function answers(url: string, hasEnded: () => boolean): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok) return;
    if (hasEnded() || performance.now() > until) throw new Error(`Restate does not answer at ${url}`);
    await setTimeout(LOOK_EVERY_MS);
  }
}

async function post(url: string, body: unknown): Promise<unknown> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../examples/replay/main.ts", import.meta.url));

export interface ReplayExit {
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A replay in a process of its own, as `npm run replay` starts it. */
export interface ReplayProcess {
  readonly exit: Promise<ReplayExit>;
  kill(signal: NodeJS.Signals): void;
}

/** Runs the replay with its own data folder, so that no test resumes what another began. */
export function startReplay(args: readonly string[], dataFolder: string): ReplayProcess {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, DISPATCHER_DATA_DIR: dataFolder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const exit = once(child, "close").then(([code]) => ({ code, stdout, stderr }));
  return { exit, kill: (signal) => child.kill(signal) };
}

/** What the last line of stdout says. */
export function resultOf({ stdout }: ReplayExit): Record<string, number> {
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
}

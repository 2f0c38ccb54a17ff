import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** A small server in a process of its own, which told the port that it listens on. */
export interface ChildServer {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts a program of this folder's neighbours, such as `subjects/relay-process.ts`, with arguments. */
export async function startChildServer(program: string, ...args: readonly string[]): Promise<ChildServer> {
  const child = fork(join(import.meta.dirname, "..", program), args);
  running.add(child);
  const ended = once(child, "exit").then(([code]) => {
    running.delete(child);
    return code;
  });
  const [message] = (await Promise.race([
    once(child, "message"),
    ended.then((code) => Promise.reject(new Error(`${program} ended with ${code} before it listened`))),
  ])) as [{ port: number }];
  return {
    port: message.port,
    pid: child.pid ?? 0,
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Load, LoadResult } from "../measure/subject.ts";

/** Calls one gRPC method from a process of its own. */
export interface LoadGenerator {
  readonly pid: number;
  /** Adds messages, each of which is sent once, in order. */
  prepare(bodies: readonly Uint8Array[]): Promise<void>;
  /** @throws Error that says what a call was answered, if any failed */
  run(load: Load): Promise<LoadResult>;
  /** Begins no further call: the run that is under way ends with those that are open, and drops the messages that are left. */
  finish(): void;
  stop(): Promise<void>;
}

export type LoadCommand =
  | { readonly kind: "prepare"; readonly bodies: readonly Uint8Array[] }
  | ({ readonly kind: "run" } & Load)
  | { readonly kind: "finish" };

export type LoadReply = Partial<LoadResult> & { readonly error?: string | undefined };

export interface LoadOptions {
  /** On loopback. */
  readonly port: number;
  /** As in `/dispatcher.v1.DispatcherService/Execute`. */
  readonly path: string;
  readonly connections?: number;
}

const CHUNK = 5_000;

export async function startLoad({ port, path, connections = 4 }: LoadOptions): Promise<LoadGenerator> {
  const child = fork(join(import.meta.dirname, "load-process.ts"), [`${port}`, path, `${connections}`], {
    serialization: "advanced",
  });
  const ended = once(child, "exit");
  const ask = async (command?: LoadCommand): Promise<LoadReply> => {
    if (command) child.send(command);
    const lost = ended.then(() => Promise.reject(new Error("the load generator ended")));
    const [reply] = (await Promise.race([once(child, "message"), lost])) as [LoadReply];
    if (reply.error) throw new Error(reply.error);
    return reply;
  };
  await ask();
  return {
    pid: child.pid ?? 0,
    async prepare(bodies) {
      for (let from = 0; from < bodies.length; from += CHUNK)
        await ask({ kind: "prepare", bodies: bodies.slice(from, from + CHUNK) });
    },
    run: async (load) => (await ask({ kind: "run", ...load })) as LoadResult,
    finish: () => void child.send({ kind: "finish" } satisfies LoadCommand),
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

import { randomUUID } from "node:crypto";
import { startLoad } from "../load/load-client.ts";
import type { RunningSubject, Subject } from "../measure/subject.ts";
import { startChildServer } from "../stage/child-server.ts";
import { EXECUTE_PATH, executeRequest, times } from "../stage/requests.ts";

/** One call in, as many out as it takes, and nothing kept. */
export function relay(before = 0, order: "sequential" | "parallel" = "sequential"): Subject {
  return {
    name: "relay",
    guarantees: "None: a grpc-js server that calls the validator and keeps nothing.",
    async start({ validatorUrl }) {
      const server = await startChildServer("subjects/relay-process.ts", validatorUrl, `${before}`, order);
      return underGrpcLoad(server, EXECUTE_PATH, () => executeRequest(randomUUID()));
    },
  };
}

/** Answers at once. */
export function echo(path: string, request: (index: number) => Uint8Array): Subject {
  return {
    name: "echo",
    guarantees: "None: a grpc-js server that answers at once.",
    async start() {
      return underGrpcLoad(await startChildServer("subjects/echo-process.ts"), path, request);
    },
  };
}

/** A server without a state that could be counted afterwards. */
async function underGrpcLoad(
  server: { readonly port: number; readonly pid: number; stop(): Promise<void> },
  path: string,
  request: (index: number) => Uint8Array,
): Promise<RunningSubject> {
  const load = await startLoad({ port: server.port, path });
  return {
    processes: { subject: [server.pid], load: [load.pid] },
    prepare: (operations) => load.prepare(times(operations, request)),
    run: load.run,
    verify: async () => {},
    async stop() {
      await load.stop();
      await server.stop();
    },
  };
}

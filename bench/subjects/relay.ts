import { randomUUID } from "node:crypto";
import type { RunningSubject, Subject } from "../measure/subject.ts";
import { type ChildServer, startChildServer } from "../stage/child-server.ts";
import { EXECUTE_PATH, executeRequest, times } from "../stage/requests.ts";
import { underLoad } from "./under-load.ts";

/** One call in, as many out as it takes, and nothing kept. */
export function relay(before = 0, order: "sequential" | "parallel" = "sequential"): Subject {
  return {
    name: "relay",
    guarantees: "None: a grpc-js server that calls the validator and keeps nothing.",
    async start({ validatorUrl }) {
      const server = await startChildServer("subjects/relay-process.ts", validatorUrl, `${before}`, order);
      return stateless(server, EXECUTE_PATH, () => executeRequest(randomUUID()));
    },
  };
}

/** Answers at once. */
export function echo(path: string, request: (index: number) => Uint8Array): Subject {
  return {
    name: "echo",
    guarantees: "None: a grpc-js server that answers at once.",
    async start() {
      return stateless(await startChildServer("subjects/echo-process.ts"), path, request);
    },
  };
}

/** A server without a state that could be counted afterwards. */
function stateless(
  server: ChildServer,
  path: string,
  request: (index: number) => Uint8Array,
): Promise<RunningSubject> {
  return underLoad({
    pid: server.pid,
    port: server.port,
    path,
    messages: (operations) => times(operations, request),
    verify: async () => {},
    stop: server.stop,
  });
}

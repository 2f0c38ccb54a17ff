import { startLoad } from "../load/load-client.ts";
import type { RunningSubject } from "../measure/subject.ts";

/** A gRPC server that runs, and what it is asked. */
export interface ServerUnderLoad {
  readonly pid: number;
  readonly port: number;
  /** The method, as HTTP/2 has it. */
  readonly path: string;
  /** Makes so many messages, and what they are about. */
  messages(operations: number): readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Counts what was kept, and throws if it is not what so many answers promised. */
  verify(answered: number): Promise<void>;
  stop(): Promise<void>;
}

/** Puts a gRPC server under the load of a process of its own. */
export async function underLoad(server: ServerUnderLoad): Promise<RunningSubject> {
  const load = await startLoad(server);
  let answered = 0;
  return {
    processes: { subject: [server.pid], load: [load.pid] },
    prepare: async (operations) => load.prepare(await server.messages(operations)),
    async run(wanted) {
      const result = await load.run(wanted);
      answered += result.operations;
      return result;
    },
    verify: () => server.verify(answered),
    async stop() {
      await load.stop();
      await server.stop();
    },
  };
}

import { Client, credentials } from "@grpc/grpc-js";
import type { Load } from "../measure/subject.ts";
import { Connection } from "./connection.ts";
import type { LoadCommand, LoadReply } from "./load-client.ts";

const [, , port = "", path = "", count = ""] = process.argv;
let onBroken: (error: Error) => void = () => undefined;
const connections = await Promise.all(
  Array.from({ length: Number(count) }, () =>
    Connection.open(Number(port), path, (error) => onBroken(error)),
  ),
);
let bodies: Uint8Array[] = [];
let next = 0;

/** Keeps so many calls open until all are answered. */
function run({ operations, concurrency }: Load): Promise<LoadReply> {
  const latenciesMs = new Float64Array(operations);
  const first = next;
  next += operations;
  if (next > bodies.length)
    throw new Error(`${operations} calls are wanted and ${bodies.length - first} prepared`);
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  let begun = 0;
  let ended = 0;
  let failed = 0;
  let failure: Uint8Array | undefined;
  return new Promise((resolve, reject) => {
    onBroken = reject;
    const begin = (connection: Connection) => {
      if (begun === operations) return;
      const index = begun;
      const body = bodies[first + index] as Uint8Array;
      begun += 1;
      const begunMs = performance.now();
      connection.call(body, (answer) => {
        latenciesMs[index] = performance.now() - begunMs;
        if (answer === "none") {
          failed += 1;
          failure ??= body;
        }
        ended += 1;
        if (ended < operations) begin(connection);
        else void finish();
      });
    };
    const finish = async () => {
      const seconds = (performance.now() - startMs) / 1000;
      const { user, system } = process.cpuUsage(cpu);
      onBroken = () => undefined;
      const error = failure && `${failed} of ${operations} calls failed, such as: ${await explain(failure)}`;
      resolve({ operations, seconds, latenciesMs, loadCpuMicros: user + system, error });
      if (next === bodies.length) {
        bodies = [];
        next = 0;
      }
    };
    for (let caller = 0; caller < concurrency; caller += 1)
      begin(connections[caller % connections.length] as Connection);
    for (const connection of connections) connection.flush();
  });
}

/** What a library is told that makes the same call once more: this client does not read what errors say. */
function explain(body: Uint8Array): Promise<string> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const asIs = (bytes: Uint8Array) => Buffer.from(bytes);
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, asIs, asIs, body, (error) =>
      resolve(error?.message ?? "it succeeded the second time"),
    );
  });
}

process.on("message", async (command: LoadCommand) => {
  if (command.kind === "prepare") {
    bodies.push(...command.bodies);
    process.send?.({});
  } else {
    const reply = await run(command).catch((error: Error) => ({ error: error.message }));
    process.send?.(reply);
  }
});
process.on("disconnect", () => process.exit());
process.send?.({});

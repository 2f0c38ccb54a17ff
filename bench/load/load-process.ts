import type { Load } from "../measure/subject.ts";
import { Connection } from "./connection.ts";
import { type Ending, Endings } from "./endings.ts";
import type { LoadCommand, LoadReply } from "./load-client.ts";

/** Longer than the deadline of a call: a server that keeps to it has answered by then. */
const SILENCE_MOST_MS = 15_000;

const [, , port = "", path = "", count = ""] = process.argv;
let broken: Error | undefined;
let onBroken: (error: Error) => void = () => undefined;
/** For good: calls may be left open. */
const giveUp = (error: Error) => {
  broken ??= error;
  onBroken(broken);
};
const open = () => Connection.open(Number(port), path, giveUp);
let connections = await Promise.all(Array.from({ length: Number(count) }, open));
let bodies: Uint8Array[] = [];
let next = 0;

/** The next messages, each of which is taken once. */
function take(operations: number): readonly Uint8Array[] {
  const taken = bodies.slice(next, next + operations);
  if (taken.length < operations)
    throw new Error(`${operations} calls are wanted and ${taken.length} prepared`);
  next += operations;
  if (next === bodies.length) {
    bodies = [];
    next = 0;
  }
  return taken;
}

let finish = () => {};

/** Keeps so many calls open until all are answered, or until it is finished. */
async function run({ operations, concurrency }: Load): Promise<LoadReply> {
  if (broken) throw broken;
  const messages = take(operations);
  connections = await Promise.all(connections.map((connection) => (connection.isLeft ? open() : connection)));
  const latenciesMs = new Float64Array(operations);
  const endings = new Endings();
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  let wanted = operations;
  let begun = 0;
  let ended = 0;
  finish = () => {
    wanted = begun;
  };
  await new Promise<void>((resolve, reject) => {
    const begin = (connection: Connection) => {
      const message = messages[begun];
      if (!message || begun === wanted) return;
      const index = begun;
      begun += 1;
      const begunMs = performance.now();
      const onEnd = (ending: Ending) => {
        latenciesMs[index] = performance.now() - begunMs;
        endings.add(ending);
        ended += 1;
        if (ended < wanted) begin(connection);
        else resolve();
      };
      try {
        connection.call(message, onEnd);
      } catch (error) {
        giveUp(error as Error);
      }
    };
    onBroken = reject;
    watch(() => ended);
    for (let caller = 0; caller < concurrency; caller += 1)
      begin(connections[caller % connections.length] as Connection);
    for (const connection of connections) connection.flush();
  });
  const seconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const error = await endings.failure();
  return {
    operations: ended,
    seconds,
    latenciesMs: latenciesMs.slice(0, ended),
    loadCpuMicros: user + system,
    error,
  };
}

let silence: NodeJS.Timeout | undefined;

/** A server that stands still closes nothing. */
function watch(answered: () => number): void {
  clearInterval(silence);
  let before = answered();
  silence = setInterval(() => {
    if (answered() === before) giveUp(new Error(`no call was answered in ${SILENCE_MOST_MS / 1000} seconds`));
    before = answered();
  }, SILENCE_MOST_MS);
}

process.on("message", async (command: LoadCommand) => {
  if (command.kind === "prepare") {
    bodies.push(...command.bodies);
    process.send?.({});
    return;
  }
  if (command.kind === "finish") return finish();
  const reply = await run(command).catch((error: Error) => ({ error: error.message }));
  clearInterval(silence);
  process.send?.(reply);
});
process.on("disconnect", () => process.exit());
process.send?.({});

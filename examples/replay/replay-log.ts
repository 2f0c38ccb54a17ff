import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  DispatcherService,
  type ExecuteRequestSchema,
} from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { chainOf, type Run } from "./chain-key.ts";
import type { DispatcherClient } from "./dispatcher-client.ts";
import { forEachConcurrently } from "./for-each-concurrently.ts";
import { type LogCase, stepsOf } from "./log-case.ts";
import type { LogValidator } from "./log-validator.ts";

export interface ReplayOptions {
  readonly client: DispatcherClient;
  readonly validator: LogValidator;
  readonly run: Run;
  /** Cases that are replayed at a time. */
  readonly concurrency: number;
  /** True: ask how far each chain has come; else all chains are new. */
  readonly resume: boolean;
  /** Told of each move, and of those that an earlier replay made. */
  readonly onMoves: (moves: number) => void;
}

/** Moves the chain of every case through the log, and answers how many Executes that took. */
export async function replayLog(log: AsyncIterable<LogCase>, options: ReplayOptions): Promise<number> {
  let executes = 0;
  await forEachConcurrently(log, options.concurrency, async (logCase) => {
    const ofCase = await replayCase(logCase, options);
    executes += ofCase;
  });
  return executes;
}

async function replayCase(logCase: LogCase, { client, validator, run, resume, onMoves }: ReplayOptions) {
  const steps = stepsOf(logCase);
  const chain = chainOf(run, logCase);
  validator.know(logCase.trace, steps);
  try {
    const moved = resume ? await movesOf(client, chain.value.value) : 0;
    onMoves(Math.min(moved, steps.length));
    for (let version = moved; version < steps.length; version++) {
      const request = executeRequest(chain, version, validator.url);
      const { outcome } = await client.call(DispatcherService.method.execute, request);
      // The chain does not follow the log, so nothing more can be replayed. The comparison will tell what is wrong with it.
      if (outcome !== Outcome.TRANSITIONED) return version - moved + 1;
      onMoves(1);
    }
    return Math.max(0, steps.length - moved);
  } finally {
    validator.forget(logCase.trace);
  }
}

async function movesOf(
  client: DispatcherClient,
  key: ReturnType<typeof chainOf>["value"]["value"],
): Promise<number> {
  const { chain } = await client.call(DispatcherService.method.getOrCreateChain, { key });
  return Number(chain?.version);
}

/**
 * The request id names the step, so that it may be sent again whatever became of the first time: after a lost answer, a restart
 * of the sidecar, or a restart of the replay.
 */
function executeRequest(
  chain: ReturnType<typeof chainOf>,
  version: number,
  validatorEndpoint: string,
): MessageInitShape<typeof ExecuteRequestSchema> & object {
  return {
    chain,
    createIfAbsent: version === 0,
    expectedVersion: BigInt(version),
    requestId: `step ${version + 1}`,
    requestedBy: "replay",
    // Not RegisterValidator: what is registered at a loopback address is gone when the sidecar is restarted.
    validatorEndpoint,
  };
}

import {
  type ChainEvent,
  ChainEventKind,
  ChainEventKindSchema,
} from "../../gen/ts/dispatcher/v1/chain_event_pb.ts";
import { DispatcherService } from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { chainOf, type Run } from "./chain-key.ts";
import type { DispatcherClient } from "./dispatcher-client.ts";
import { forEachConcurrently } from "./for-each-concurrently.ts";
import { type LogCase, labelOf, stepsOf } from "./log-case.ts";

export interface ComparisonOptions {
  readonly client: DispatcherClient;
  readonly run: Run;
  readonly concurrency: number;
  /** Told of each case that has been compared. */
  readonly onCase: (logCase: LogCase) => void;
  /** Told of each case whose history is not the log's, in words. */
  readonly onMismatch: (message: string) => void;
}

/** What the histories came to. */
export interface Comparison {
  /** Moves that were read back. */
  readonly transitions: number;
  /** Cases whose history is not the log's. */
  readonly mismatches: number;
}

/** Reads the history of every case's chain back and compares it with the log. */
export async function compareHistories(
  log: AsyncIterable<LogCase>,
  { client, run, concurrency, onCase, onMismatch }: ComparisonOptions,
): Promise<Comparison> {
  let transitions = 0;
  let mismatches = 0;
  await forEachConcurrently(log, concurrency, async (logCase) => {
    const moves = await movesOf(client, run, logCase);
    transitions += moves.length;
    const difference = firstDifference(stepsOf(logCase), moves);
    if (difference) {
      mismatches += 1;
      onMismatch(`${labelOf(logCase)}: ${difference}`);
    }
    onCase(logCase);
  });
  return { transitions, mismatches };
}

/** What is wrong with a chain's moves, in words; undefined if they are the steps, one after the other, and nothing else. */
export function firstDifference(steps: readonly string[], moves: readonly ChainEvent[]): string | undefined {
  let from = "new";
  for (let index = 0; index < Math.max(steps.length, moves.length); index++) {
    const expected =
      steps[index] === undefined ? undefined : `a transition from "${from}" to "${steps[index]}"`;
    const move = moves[index];
    const found = move && describe(move);
    const place = `move ${index + 1}`;
    if (expected !== found) return `${place}: expected ${expected ?? "none"}, found ${found ?? "none"}`;
    if (Number(move?.version) !== index + 1) return `${place}: it has version ${move?.version}`;
    from = steps[index] ?? from;
  }
  return undefined;
}

function describe({ kind, fromState, finalState }: ChainEvent): string {
  const what =
    kind === ChainEventKind.TRANSITIONED
      ? "a transition"
      : `a move of kind ${ChainEventKindSchema.value[kind]?.localName ?? kind}`;
  return `${what} from "${fromState}" to "${finalState}"`;
}

async function movesOf(client: DispatcherClient, run: Run, logCase: LogCase): Promise<ChainEvent[]> {
  const moves: ChainEvent[] = [];
  for (let pageToken = ""; ; ) {
    const page = await client.call(DispatcherService.method.listChainEvents, {
      chain: chainOf(run, logCase),
      pageToken,
    });
    moves.push(...page.events.filter(({ finalState }) => finalState !== ""));
    pageToken = page.nextPageToken;
    if (pageToken === "") return moves;
  }
}

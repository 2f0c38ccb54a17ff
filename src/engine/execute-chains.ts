import type { JsonObject } from "../domain/json.ts";
import { type SweptChain, sweepChains } from "../store/sweep-chains.ts";
import { execute } from "./execute.ts";
import type { ExecuteParts } from "./execute-command.ts";
import type { ExecuteResult } from "./execute-result.ts";
import { type ChainSelection, filterOf } from "./list-chains.ts";
import { runConcurrently } from "./run-concurrently.ts";

export interface ExecuteChainsCommand {
  readonly selection: ChainSelection;
  readonly initialContext: JsonObject;
  readonly callbackContext: JsonObject;
  readonly requestedBy: string;
  readonly dryRun: boolean;
  /** Executes at a time. */
  readonly concurrency: number;
}

/** What became of one chain, or at the end of them all. */
export type SweepStep =
  | { readonly kind: "executed"; readonly chainId: string; readonly result: ExecuteResult }
  | { readonly kind: "failed"; readonly chainId: string; readonly error: unknown }
  | { readonly kind: "summary"; readonly counts: SweepCounts };

export interface SweepCounts {
  readonly chains: number;
  readonly transitioned: number;
  readonly noValidTransition: number;
  readonly failed: number;
}

const PAGE_SIZE = 100;

/**
 * Executes every chain that is selected, once, a few at a time and only as fast as the results are taken; one that fails is
 * told of and does not stop the rest. A caller that goes away starts nothing more, and what has been started is finished.
 */
export async function* executeChains(
  parts: ExecuteParts,
  { selection, concurrency, ...command }: ExecuteChainsCommand,
  signal: AbortSignal,
): AsyncGenerator<SweepStep, void, undefined> {
  const chains = sweepChains(parts.store.database, filterOf(parts.registry, selection), PAGE_SIZE);
  const counts = { chains: 0, transitioned: 0, noValidTransition: 0, failed: 0 };
  const limits = { atMost: concurrency, signal };
  for await (const step of runConcurrently(chains, limits, (chain) => executeOne(parts, command, chain))) {
    counts.chains += 1;
    const counter = counterOf(step);
    if (counter) counts[counter] += 1;
    yield step;
  }
  yield { kind: "summary", counts };
}

async function executeOne(
  parts: ExecuteParts,
  command: Omit<ExecuteChainsCommand, "selection" | "concurrency">,
  { id: chainId, version }: SweptChain,
): Promise<Exclude<SweepStep, { kind: "summary" }>> {
  try {
    const result = await execute(
      parts,
      {
        ...command,
        ref: { id: chainId },
        createIfAbsent: false,
        evaluateAll: false,
        ignoreSchedule: false,
        requestId: "",
        // Moved by somebody else since it was selected, it may no longer be one that was meant.
        expectedVersion: version,
        validatorEndpoint: "",
      },
      // Not the caller's: what has been started is finished.
      { signal: new AbortController().signal },
    );
    return { kind: "executed", chainId, result };
  } catch (error) {
    return { kind: "failed", chainId, error };
  }
}

function counterOf(step: Exclude<SweepStep, { kind: "summary" }>): keyof SweepCounts | undefined {
  if (step.kind === "failed") return "failed";
  switch (step.result.outcome) {
    case "TRANSITIONED":
    case "WOULD_TRANSITION":
      return "transitioned";
    case "NO_VALID_TRANSITION":
      return "noValidTransition";
    case "WOULD_FAIL":
    case "CALLBACK_FAILED":
      return "failed";
    case "ALREADY_FINAL":
    case "CLAIMED":
      return undefined;
  }
}

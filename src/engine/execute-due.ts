import type { Evaluation } from "../domain/evaluation.ts";
import { Refusal, type RefusalReason } from "../domain/refusal.ts";
import { execute } from "./execute.ts";
import type { ExecuteParts } from "./execute-command.ts";
import type { ExecuteResult } from "./execute-result.ts";

/** Stands in the history where nobody asked. */
const SCHEDULER = "scheduler";

/** What came of a chain that was executed because it was due. */
export interface DueExecution {
  readonly outcome: ExecuteResult["outcome"] | RefusalReason;
  /** It is due again already. */
  readonly goesOn: boolean;
  /** An endpoint was perhaps not there. */
  readonly isUnreached: boolean;
}

/** Takes one step of a chain for nobody's request (R23). A refusal is an outcome like another: whoever was faster has won. */
export async function executeDue(
  parts: ExecuteParts,
  chainId: string,
  signal: AbortSignal,
): Promise<DueExecution> {
  const command = {
    ref: { id: chainId },
    createIfAbsent: false,
    initialContext: {},
    callbackContext: {},
    requestedBy: SCHEDULER,
    dryRun: false,
    evaluateAll: false,
    ignoreSchedule: false,
    requestId: "",
    validatorEndpoint: "",
  };
  try {
    const { outcome, chain, evaluations } = await execute(parts, command, { signal });
    const goesOn =
      outcome === "TRANSITIONED" && chain.nextUpdateTime === undefined && !parts.registry.isFinal(chain);
    return { outcome, goesOn, isUnreached: isUnreached(outcome, evaluations) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { reason, details } = error;
    return { outcome: reason, goesOn: false, isUnreached: isUnreached(reason, details.evaluations) };
  }
}

function isUnreached(outcome: DueExecution["outcome"], evaluations: readonly Evaluation[] = []): boolean {
  return (
    outcome === "CALLBACK_FAILED" ||
    outcome === "CALLBACK_UNANSWERED" ||
    evaluations.some(({ errorReason }) => errorReason === "UNREACHABLE")
  );
}

/** Why an Execute that nobody asked for is broken off. */
export function brokenOff(): Refusal {
  return new Refusal("CANCELLED", "The sidecar that executed the chain stopped; the chain did not move.");
}

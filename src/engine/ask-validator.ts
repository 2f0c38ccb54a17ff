import type { Situation } from "../domain/decide.ts";
import type { Verdict } from "../domain/verdict.ts";
import type { ExecuteCommand, ExecuteParts } from "./execute-command.ts";

/** Asks the validator in force here, or the one that the call itself names, about one transition. */
export function askValidator(
  { registry, validators }: ExecuteParts,
  { validatorEndpoint, initialContext, dryRun, requestedBy }: ExecuteCommand,
  { chain, chainType }: Situation,
  transition: { readonly name: string; readonly finalState: string },
  { attemptId, ...limits }: { attemptId: string; signal: AbortSignal; deadlineMs: number },
): Promise<Verdict> {
  const registered = registry.validators.find(chainType, transition.name)?.value;
  const endpoint = validatorEndpoint
    ? { url: validatorEndpoint, timeoutMs: registered?.timeoutMs }
    : registered;
  if (!endpoint) {
    return Promise.resolve({
      kind: "ERROR",
      reason: "NOT_REGISTERED",
      message: `transition "${transition.name}" of "${chainType.name}" has no validator here: call RegisterValidator, or name one in the definition`,
    });
  }
  const question = {
    chain,
    transition: transition.name,
    finalState: transition.finalState,
    initialContext,
    dryRun,
    requestedBy,
  };
  return validators.validate(endpoint, { ...question, attemptId }, limits);
}

import type { ChainType, Endpoint } from "../domain/chain-type.ts";
import type { Situation } from "../domain/decide.ts";
import type { Verdict } from "../domain/verdict.ts";
import type { ExecuteCommand, ExecuteParts } from "./execute-command.ts";
import type { Registry } from "./registry.ts";

/** Asks the validator in force here, or the one that the call itself names, about one transition. */
export async function askValidator(
  { registry, validators }: ExecuteParts,
  { validatorEndpoint, initialContext, dryRun, requestedBy }: ExecuteCommand,
  { chain, chainType }: Situation,
  transition: { readonly name: string; readonly finalState: string },
  { attemptId, ...limits }: { attemptId: string; signal: AbortSignal; deadlineMs: number },
): Promise<Verdict> {
  const endpoint = validatorOf(registry, chainType, transition.name, validatorEndpoint);
  if (!endpoint) return notRegistered(chainType, transition.name);
  const { name, finalState } = transition;
  const question = { chain, transition: name, finalState, initialContext, dryRun, requestedBy, attemptId };
  return validators.validate(endpoint, question, limits);
}

/** The endpoint to ask: the one that is named instead, with the timeout of the one in force, or the one in force. */
export function validatorOf(
  registry: Registry,
  chainType: ChainType,
  transition: string,
  instead: string,
): Endpoint | undefined {
  const inForce = registry.validators.find(chainType, transition)?.value;
  return instead ? { url: instead, timeoutMs: inForce?.timeoutMs } : inForce;
}

export function notRegistered({ name }: ChainType, transition: string): Verdict {
  return {
    kind: "ERROR",
    reason: "NOT_REGISTERED",
    message: `transition "${transition}" of "${name}" has no validator here: call RegisterValidator, or name one in the definition`,
  };
}

import { NEW } from "../domain/chain.ts";
import type { Endpoint } from "../domain/chain-type.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Verdict } from "../domain/verdict.ts";
import type { EndpointPolicy } from "../outbound/endpoint-policy.ts";
import type { ValidatorClient } from "../outbound/validator-client.ts";
import { notRegistered, validatorOf } from "./ask-validator.ts";
import { newId } from "./new-id.ts";
import { transitionNotFound } from "./register-endpoint.ts";
import type { Registry } from "./registry.ts";

export interface CheckValidatorCommand {
  readonly chainType: string;
  readonly transition: string;
  /** Called instead of the one in force; empty: the one in force. */
  readonly endpoint: string;
  readonly initialContext: JsonObject;
}

export interface CheckedValidator {
  /** Unset if there is none to call. */
  readonly endpoint?: Endpoint | undefined;
  readonly verdict: Verdict;
}

/** Asks a validator about a made-up chain, as a dry run. */
export async function checkValidator(
  registry: Registry,
  validators: ValidatorClient,
  policy: EndpointPolicy,
  command: CheckValidatorCommand,
  limits: { readonly signal: AbortSignal; readonly deadlineMs?: number | undefined },
): Promise<CheckedValidator> {
  const named = (name: string) => (candidate: { readonly name: string }) => candidate.name === name;
  const { chainType } = await registry.get(command.chainType, ({ transitions }) =>
    transitions.some(named(command.transition)),
  );
  const transition = chainType.transitions.find(named(command.transition));
  if (!transition) throw transitionNotFound(chainType, command.transition);
  if (command.endpoint) policy.check(command.endpoint);
  const endpoint = validatorOf(registry, chainType, transition.name, command.endpoint);
  if (!endpoint) return { verdict: notRegistered(chainType, transition.name) };
  const from = chainType.states.find(({ transitions }) => transitions.includes(transition.name));
  const time = new Date();
  const chain = {
    id: "00000000-0000-0000-0000-000000000000",
    chainType: chainType.name,
    state: from?.name ?? NEW,
    version: 0,
    resources: [{ resourceType: "check", resourceId: "check" }],
    disabled: false,
    createTime: time,
    updateTime: time,
  };
  const question = {
    chain,
    transition: transition.name,
    finalState: transition.finalState,
    initialContext: command.initialContext,
    dryRun: true,
    requestedBy: "CheckValidator",
    attemptId: newId(),
  };
  return { endpoint, verdict: await validators.validate(endpoint, question, limits) };
}

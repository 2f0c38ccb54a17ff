import { endpointProblem } from "./engine/endpoint-problem.ts";
import type { ExecuteParts } from "./engine/execute-command.ts";
import { checkDefinition, registerChainType } from "./engine/register-chain-type.ts";
import { registerEndpoint } from "./engine/register-endpoint.ts";
import type { Log } from "./observability/log.ts";
import type { Readiness } from "./readiness.ts";
import { formatProblems } from "./registry-file/format-problems.ts";
import { parseRegistryFile } from "./registry-file/parse.ts";
import { watchRegistryFile } from "./registry-file/watch.ts";
import { chainTypeFromProto } from "./rpc/convert/chain-type.ts";
import { callbackRegistrationFromProto, validatorRegistrationFromProto } from "./rpc/convert/registration.ts";

/**
 * Registers what stands in the file, now and whenever it changes. A file that is not valid changes nothing: what was
 * registered stays in force, and a sidecar that never had a valid one does not become ready.
 */
export function followRegistryFile(
  path: string,
  parts: ExecuteParts,
  { readiness, log, signal }: { readiness: Readiness; log: Log; signal: AbortSignal },
): Promise<void> {
  let wasInForce = false;
  const refuse = (why: string) => {
    log.error({ path }, `the registry file is not in force: ${why}`);
    if (!wasInForce) readiness.missing("registry file", `${path} is not in force, see the log`);
  };
  return watchRegistryFile(path, {
    signal,
    onError: (error) => refuse(error instanceof Error ? error.message : String(error)),
    onText: async (text) => {
      const parsed = parseRegistryFile(
        text,
        (message) => checkDefinition(chainTypeFromProto(message), parts.policy),
        (url) => endpointProblem(parts.policy, url),
      );
      if (parsed.kind === "invalid") {
        refuse(formatProblems(path, parsed.problems));
        return;
      }
      const { registry, policy } = parts;
      const { database } = parts.store;
      const { chainTypes, validators, callbacks } = parsed.file;
      for (const message of chainTypes) {
        const chainType = chainTypeFromProto(message);
        await registerChainType(database, registry, policy, {
          chainType,
          validateOnly: false,
          makeCurrent: false,
        });
      }
      for (const message of validators) {
        await registerEndpoint(database, registry, policy, validatorRegistrationFromProto(message));
      }
      for (const message of callbacks) {
        await registerEndpoint(database, registry, policy, callbackRegistrationFromProto(message));
      }
      log.info({ path, chainTypes: chainTypes.length }, "the registry file is in force");
      wasInForce = true;
      readiness.met("registry file");
    },
  });
}

import { EndpointSource, RegistryService } from "../../../gen/ts/dispatcher/v1/registry_service_pb.ts";
import type { ChainType } from "../../domain/chain-type.ts";
import { evaluationOf } from "../../domain/evaluation.ts";
import { checkValidator } from "../../engine/check-validator.ts";
import { deleteChainType } from "../../engine/delete-chain-type.ts";
import type { ExecuteParts } from "../../engine/execute-command.ts";
import { explainVerdict } from "../../engine/explain-verdict.ts";
import { readRevision } from "../../engine/read-revision.ts";
import { registerChainType } from "../../engine/register-chain-type.ts";
import { registerEndpoint, unregisterEndpoint } from "../../engine/register-endpoint.ts";
import {
  callbackToProto,
  chainTypeFromProto,
  endpointToProto,
  revisionToProto,
} from "../convert/chain-type.ts";
import { evaluationToProto } from "../convert/evaluation.ts";
import { callbackRegistrationFromProto, validatorRegistrationFromProto } from "../convert/registration.ts";
import { structFromProto } from "../convert/struct.ts";
import { pageSizeOf, pageToken, placeFromToken } from "../page-token.ts";
import { type MountedService, mount } from "../service.ts";

export function registryService({ store, registry, policy, validators }: ExecuteParts): MountedService {
  const { database } = store;
  return mount(RegistryService, {
    async registerChainType({ chainType, validateOnly, makeCurrent }) {
      if (!chainType) throw new Error("a registration passed its rules without a chain type");
      const registered = await registerChainType(database, registry, policy, {
        chainType: chainTypeFromProto(chainType),
        validateOnly,
        makeCurrent,
      });
      return {
        current: revisionToProto(registered.current),
        created: registered.created,
        removedStates: registered.removedStates.map(({ state, chains, replacedBy }) => ({
          state,
          chains: BigInt(chains),
          replacedBy: replacedBy ?? "",
        })),
      };
    },

    async getChainType({ name, revision }) {
      const current = await registry.get(name);
      const wanted = revision === 0n ? current : await readRevision(database, name, Number(revision));
      return { revision: revisionToProto(wanted), currentRevision: BigInt(current.revision) };
    },

    async listChainTypes({ pageSize, pageToken: token }) {
      const [after] = placeFromToken(token, "chain types", {}, [/^/]) ?? [];
      const all = registry.list();
      const from =
        after === undefined ? 0 : all.findIndex(({ chainType }) => isBehind(chainType.name, after));
      const page = from < 0 ? [] : all.slice(from, from + pageSizeOf(pageSize));
      const last = page.at(-1)?.chainType.name;
      const isMore = last !== undefined && last !== all.at(-1)?.chainType.name;
      return {
        chainTypes: page.map(revisionToProto),
        nextPageToken: pageToken(isMore ? [last] : undefined, "chain types", {}),
      };
    },

    async deleteChainType({ name }) {
      await deleteChainType(database, registry, name);
      return {};
    },

    registerValidator: (request) =>
      registerEndpoint(database, registry, policy, validatorRegistrationFromProto(request)),

    async unregisterValidator({ endpoint, ...place }) {
      return { removed: await unregisterEndpoint(database, registry, "validator", place, endpoint) };
    },

    async listValidators({ chainType: name }) {
      const { chainType } = await registry.get(name);
      return {
        validators: chainType.transitions.map((transition) => validatorInForce(chainType, transition.name)),
      };
    },

    async checkValidator({ chainType, transition, endpoint, initialContext }, { signal, deadlineMs }) {
      const command = { chainType, transition, endpoint, initialContext: structFromProto(initialContext) };
      const checked = await checkValidator(registry, validators, policy, command, { signal, deadlineMs });
      return {
        usable: checked.verdict.kind !== "ERROR",
        explanation: explainVerdict(checked),
        ...(checked.endpoint && { endpoint: endpointToProto(checked.endpoint) }),
        evaluation: evaluationToProto(evaluationOf(transition, checked.verdict)),
      };
    },

    registerCallback: (request) =>
      registerEndpoint(database, registry, policy, callbackRegistrationFromProto(request)),

    async unregisterCallback({ endpoint, ...place }) {
      return { removed: await unregisterEndpoint(database, registry, "callback", place, endpoint) };
    },

    async listCallbacks({ chainType: name }) {
      const { chainType } = await registry.get(name);
      const callbacks = chainType.transitions.flatMap(({ name: transition }) => {
        const inForce = registry.callbacks.find(chainType, transition);
        return inForce
          ? [{ transition, callback: callbackToProto(inForce.value), source: EndpointSource[inForce.source] }]
          : [];
      });
      return { callbacks };
    },
  });

  function validatorInForce(chainType: ChainType, transition: string) {
    const inForce = registry.validators.find(chainType, transition);
    return inForce
      ? { transition, endpoint: endpointToProto(inForce.value), source: EndpointSource[inForce.source] }
      : { transition };
  }
}

function isBehind(name: string, after: string): boolean {
  return Buffer.compare(Buffer.from(name), Buffer.from(after)) > 0;
}

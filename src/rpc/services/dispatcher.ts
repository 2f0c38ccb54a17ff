import {
  DispatcherService,
  type ChainFilter as FilterMessage,
} from "../../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import type { Chain } from "../../domain/chain.ts";
import { addChainResources, deleteChain, setChainState, updateChain } from "../../engine/change-chain.ts";
import { claimFromToken } from "../../engine/claim-token.ts";
import { execute } from "../../engine/execute.ts";
import { executeChains } from "../../engine/execute-chains.ts";
import type { ExecuteParts } from "../../engine/execute-command.ts";
import { resultOfMove } from "../../engine/execute-result.ts";
import { getChain } from "../../engine/find-chain.ts";
import { abandonTransition, completeTransition, extendClaim } from "../../engine/finish-claim.ts";
import { getOrCreateChain } from "../../engine/get-or-create-chain.ts";
import { listChainEvents } from "../../engine/list-chain-events.ts";
import { listChains } from "../../engine/list-chains.ts";
import { readLastAttempt } from "../../engine/read-last-attempt.ts";
import type { Log } from "../../observability/log.ts";
import { attemptToProto } from "../convert/attempt.ts";
import { chainKeyFromProto, chainRefFromProto, chainToProto } from "../convert/chain.ts";
import { chainEventToProto } from "../convert/chain-event.ts";
import { claimToProto, executeCommandFromProto, executeResultToProto } from "../convert/execute.ts";
import { executeChainsCommandFromProto, sweepStepToProto } from "../convert/execute-chains.ts";
import { durationFromProto, timeFromProto } from "../convert/time.ts";
import { versionFromProto } from "../convert/version.ts";
import { refuseStream, refuseUnary } from "../not-implemented.ts";
import { pageSizeOf, pageToken, placeFromToken, TIME, UUID } from "../page-token.ts";
import { type MountedService, mount } from "../service.ts";

export function dispatcherService(parts: ExecuteParts, log: Log): MountedService {
  const { store, registry } = parts;
  const { database } = store;
  const isFinal = (chain: Chain) => registry.isFinal(chain);
  const toProto = (chain: Chain) => chainToProto(chain, isFinal);

  return mount(DispatcherService, {
    async getOrCreateChain({ key }) {
      if (!key) throw new Error("a request passed its rules without a key");
      const { chain, created } = await getOrCreateChain(store, registry, chainKeyFromProto(key));
      return { chain: toProto(chain), created };
    },

    async getChain({ chain: ref }) {
      const chain = await getChain(store, chainRefFromProto(ref));
      const attempt = await readLastAttempt(database, chain);
      return { chain: toProto(chain), ...(attempt && { lastAttempt: attemptToProto(attempt) }) };
    },

    async listChains({ filter, pageSize, pageToken: token }) {
      const wanted = filterFromProto(filter);
      const place = placeFromToken(token, "chains", wanted, [UUID, DUE_TIME]);
      const after = place && { id: place[0] ?? "", dueTime: place[1] };
      const { chains, next } = await listChains(database, registry, wanted, after, pageSizeOf(pageSize));
      return {
        chains: chains.map(toProto),
        nextPageToken: pageToken(next && [next.id, next.dueTime ?? ""], "chains", wanted),
      };
    },

    async updateChain(request) {
      const paths = request.updateMask?.paths ?? [];
      const chain = await updateChain(store, registry, {
        ...byHand(request),
        disabled: paths.includes("disabled") ? request.disabled : undefined,
        nextUpdateTime: paths.includes("next_update_time")
          ? { time: timeFromProto(request.nextUpdateTime) }
          : undefined,
      });
      return { chain: toProto(chain) };
    },

    async setChainState(request) {
      const { chain, move } = await setChainState(store, registry, {
        ...byHand(request),
        state: request.state,
      });
      return { chain: toProto(chain), ...(move && { event: chainEventToProto(move.event) }) };
    },

    async addChainResources(request) {
      const chain = await addChainResources(store, { ...byHand(request), resources: request.resources });
      return { chain: toProto(chain) };
    },

    async deleteChain(request) {
      await deleteChain(store, { ...byHand(request), force: request.force });
      return {};
    },

    async execute(request, limits) {
      const result = await execute(parts, executeCommandFromProto(request), limits);
      return executeResultToProto(result, isFinal);
    },

    async *executeChains({ filter, ...request }, { signal }) {
      const command = executeChainsCommandFromProto(filterFromProto(filter), request);
      for await (const step of executeChains(parts, command, signal)) {
        yield sweepStepToProto(step, isFinal, log);
      }
    },

    async listChainEvents({ chain: ref, pageSize, pageToken: token }) {
      const wanted = chainRefFromProto(ref);
      const [version, kind, id] =
        placeFromToken(token, "events", wanted, [/^\d{1,15}$/, /^(move|note)$/, UUID]) ?? [];
      const after =
        version === undefined || id === undefined
          ? undefined
          : { version: Number(version), isMove: kind === "move", id };
      const { events, next } = await listChainEvents(store, wanted, after, pageSizeOf(pageSize));
      return {
        events: events.map(chainEventToProto),
        nextPageToken: pageToken(
          next && [String(next.version), next.isMove ? "move" : "note", next.id],
          "events",
          wanted,
        ),
      };
    },

    async completeTransition({ token }) {
      const result = resultOfMove(await completeTransition(parts, claimFromToken(token)));
      const { chain, transition, event } = executeResultToProto(result, isFinal);
      return { chain, transition, event };
    },

    async abandonTransition({ token, errors }) {
      return { chain: toProto(await abandonTransition(parts, claimFromToken(token), errors)) };
    },

    async extendClaim({ token, duration }) {
      const ref = claimFromToken(token);
      const claim = await extendClaim(parts, ref, durationFromProto(duration));
      return { claim: { ...claimToProto(claim, ref.chainId), token: "" } };
    },

    importChains: () => refuseUnary("ImportChains"),
    watchChainEvents: () => refuseStream("WatchChainEvents"),
  });
}

/** Empty where the list does not go by time. */
const DUE_TIME = new RegExp(`^$|${TIME.source}`);

function byHand(request: {
  readonly chain?: Parameters<typeof chainRefFromProto>[0] | undefined;
  readonly requestedBy: string;
  readonly reason: string;
  readonly expectedVersion?: bigint | undefined;
}) {
  return {
    ref: chainRefFromProto(request.chain),
    requestedBy: request.requestedBy,
    reason: request.reason,
    expectedVersion: versionFromProto(request.expectedVersion),
  };
}

function filterFromProto(message: FilterMessage | undefined) {
  const { chainType, state, resource, disabled, due } = message ?? {};
  return {
    chainType: chainType || undefined,
    state: state || undefined,
    resource: resource && { resourceType: resource.resourceType, resourceId: resource.resourceId },
    disabled,
    due: due ?? false,
  };
}

import type { Chain } from "../domain/chain.ts";
import type { RecordedMove } from "../domain/chain-event.ts";
import { chainKey } from "../domain/chain-key.ts";
import { type CurrentRevision, hasState, statesOf } from "../domain/chain-type.ts";
import { claimed, versionMismatch } from "../domain/decide.ts";
import { Refusal } from "../domain/refusal.ts";
import { canonicalMappings, type ResourceMapping } from "../domain/resource-mapping.ts";
import { upkeepIn } from "../domain/upkeep.ts";
import {
  type AdminWrite,
  addResources,
  deleteChain as remove,
  setState,
  updateChain as update,
} from "../store/admin-writes.ts";
import type { ChainStore } from "../store/chain-store.ts";
import { violatedConstraint } from "../store/database-error.ts";
import { isDeliveryPending } from "../store/outbox.ts";
import { isEventWritten, readMove } from "../store/read-move.ts";
import { type ChainRef, chainNotFound, findChain, getChain } from "./find-chain.ts";
import { migrateFirst } from "./migrate-chain.ts";
import { newId } from "./new-id.ts";
import type { Registry } from "./registry.ts";
import { settle } from "./settle.ts";

/** What an operator says with every change by hand. */
export interface ByHand {
  readonly ref: ChainRef;
  readonly requestedBy: string;
  readonly reason: string;
  readonly expectedVersion?: number | undefined;
}

export async function updateChain(
  store: ChainStore,
  registry: Registry,
  command: ByHand & Omit<Parameters<typeof update>[2], "wakes">,
): Promise<Chain> {
  const chain = await migrateFirst(store, registry, await getChain(store, command.ref));
  const { chainType } = await registry.get(chain.chainType);
  await changeOnce(store, command, chain, (write, { state }) =>
    update(store.database, write, { ...command, wakes: upkeepIn(chainType, state).wakes }),
  );
  return getChain(store, { id: chain.id });
}

/** A move like any other, but that nobody is asked. */
export async function setChainState(
  store: ChainStore,
  registry: Registry,
  command: ByHand & { readonly state: string },
): Promise<{ chain: Chain; move: RecordedMove | undefined }> {
  const { state } = command;
  const found = await getChain(store, command.ref);
  const current = await registry.get(found.chainType, (type) => hasState(type, state));
  const { chainType, revision } = current;
  if (!hasState(chainType, state)) throw stateNotFound(current, state);
  const chain = await migrateFirst(store, registry, found);
  const before = await changeOnce(store, command, chain, (write) =>
    setState(store.database, write, { state, revision, ...upkeepIn(chainType, state) }),
  );
  const move = await readMove(store.database, chain.id, before.version + 1);
  return { chain: await getChain(store, { id: chain.id }), move };
}

function stateNotFound({ chainType, mappedStates }: CurrentRevision, state: string): Refusal {
  const { name } = chainType;
  const mapped = mappedStates.get(state);
  return new Refusal(
    "STATE_NOT_FOUND",
    mapped === undefined
      ? `Chain type "${name}" has no state "${state}"; it has ${statesOf(chainType).join(", ")}.`
      : `State "${state}" of chain type "${name}" was replaced by "${mapped}": name that one.`,
    { metadata: { chain_type: name, state, ...(mapped !== undefined && { replaced_by: mapped }) } },
  );
}

const MOST_RESOURCES = 32;

export async function addChainResources(
  store: ChainStore,
  command: ByHand & { readonly resources: readonly ResourceMapping[] },
): Promise<Chain> {
  const known = await getChain(store, command.ref);
  await changeOnce(store, command, known, async (write, chain) => {
    const { added, ...keys } = additionTo(chain, command.resources);
    if (added.length > 0) return addResources(store.database, write, { ...keys, added });
    refuseVersion(chain, command.expectedVersion);
    return true;
  }).catch((cause) =>
    Promise.reject(violatedConstraint(cause) === "one_chain_per_key" ? resourcesTaken(known, cause) : cause),
  );
  return getChain(store, { id: known.id });
}

/** What a chain lacks of these resources, and how its key changes with them. */
function additionTo(chain: Chain, resources: readonly ResourceMapping[]) {
  const all = canonicalMappings([...chain.resources, ...resources]);
  if (all.length > MOST_RESOURCES) {
    const message = `would make ${all.length} resources in all, above ${MOST_RESOURCES}`;
    throw new Refusal("INVALID_REQUEST", `Chain ${chain.id}: the addition ${message}.`, {
      problems: [{ field: "resources", message }],
    });
  }
  const textOf = ({ resourceType, resourceId }: ResourceMapping) =>
    JSON.stringify([resourceType, resourceId]);
  const had = new Set(chain.resources.map(textOf));
  return {
    formerKey: chainKey(chain.chainType, chain.resources),
    key: chainKey(chain.chainType, all),
    added: all.filter((resource) => !had.has(textOf(resource))),
  };
}

export async function deleteChain(
  store: ChainStore,
  command: ByHand & { readonly force: boolean },
): Promise<void> {
  const { force } = command;
  const chain = await getChain(store, command.ref);
  await changeOnce(store, command, chain, (write) => remove(store.database, write, force), {
    refuseUnfinished: !force,
  });
}

/**
 * Writes once (R11), on the chain as it is then, or says which guard did not hold. Comes back with the chain as it was before: whoever moved it in the
 * meantime made the write wait, not fail, unless a version was expected.
 */
async function changeOnce(
  store: ChainStore,
  { expectedVersion, requestedBy, reason }: ByHand,
  known: Chain,
  write: (write: AdminWrite, chain: Chain) => Promise<boolean>,
  { refuseUnfinished = false } = {},
): Promise<Chain> {
  const eventId = newId();
  let chain = known;
  return settle({
    write: async () => {
      const admin = {
        eventId,
        chainId: chain.id,
        version: expectedVersion ?? chain.version,
        requestedBy,
        reason,
      };
      const written = await write(admin, chain).catch((error) => {
        // The try before, whose answer was lost, was carried out after all.
        if (violatedConstraint(error) === "chain_event_pkey") return false;
        throw error;
      });
      return written ? chain : undefined;
    },
    check: async () => {
      const now = await findChain(store, { id: chain.id });
      if (await isEventWritten(store.database, eventId)) return chain;
      if (!now.chain) throw chainNotFound({ id: chain.id });
      chain = now.chain;
      refuseVersion(chain, expectedVersion);
      if (refuseUnfinished && chain.claimExpireTime)
        throw claimed(chain.id, chain.claimExpireTime.getTime() - now.now.getTime());
      if (refuseUnfinished && (await isDeliveryPending(store.database, chain.id)))
        throw deliveryPending(chain.id);
      return undefined;
    },
  });
}

function refuseVersion({ id, version }: Chain, expected: number | undefined): void {
  if (expected !== undefined && expected !== version) throw versionMismatch(id, version, expected);
}

function deliveryPending(chain_id: string): Refusal {
  return new Refusal(
    "DELIVERY_PENDING",
    `A delivery of chain ${chain_id} is pending. Wait for it (ListDeliveries shows it), or set force: it is then delivered although its chain has gone.`,
    { metadata: { chain_id } },
  );
}

function resourcesTaken({ id, chainType }: Chain, cause: unknown): Refusal {
  return new Refusal(
    "RESOURCES_TAKEN",
    `Another chain of "${chainType}" has exactly these resources already.`,
    {
      metadata: { chain_id: id, chain_type: chainType },
      cause,
    },
  );
}

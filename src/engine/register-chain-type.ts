import { type ChainType, type ChainTypeRevision, type Endpoint, statesOf } from "../domain/chain-type.ts";
import { checkChainType } from "../domain/check-chain-type.ts";
import { contentHash } from "../domain/content-hash.ts";
import { type FieldProblem, Refusal } from "../domain/refusal.ts";
import type { EndpointPolicy } from "../outbound/endpoint-policy.ts";
import type { Database } from "../store/database.ts";
import { type Registration, register } from "../store/registry-store.ts";
import { endpointProblem } from "./endpoint-problem.ts";
import type { Registry } from "./registry.ts";

export interface RegisterChainTypeCommand {
  readonly chainType: ChainType;
  readonly validateOnly: boolean;
  readonly makeCurrent: boolean;
}

export interface RemovedState {
  readonly state: string;
  readonly chains: number;
}

export interface RegisteredChainType {
  readonly current: ChainTypeRevision;
  readonly created: boolean;
  readonly removedStates: readonly RemovedState[];
}

const MOST_CHAIN_TYPES = 1000;
const MOST_COUNTED = 10_000;

/** Makes new content the current revision; content that is stored already changes nothing (R25). */
export async function registerChainType(
  database: Database,
  registry: Registry,
  policy: EndpointPolicy,
  command: RegisterChainTypeCommand,
): Promise<RegisteredChainType> {
  const { chainType, validateOnly } = command;
  refuseProblems(chainType, checkDefinition(chainType, policy));
  refuseUndelivered(chainType, command.makeCurrent);
  const hash = contentHash(chainType);
  const registered = await register(database, async (registration) => {
    await registration.lock();
    const inForce = await registration.findCurrent(chainType.name);
    if (inForce && (await registration.isStored(chainType.name, hash))) {
      return { current: inForce, created: false, removedStates: [] };
    }
    if (!inForce) await refuseTooMany(registration);
    const removedStates = inForce ? await removedFrom(registration, inForce.chainType, chainType) : [];
    if (validateOnly) {
      const planned = { chainType, revision: 0, contentHash: hash, createTime: new Date() };
      return { current: planned, created: true, removedStates };
    }
    refuseStatesInUse(chainType.name, removedStates);
    const added = await registration.addRevision(chainType, hash);
    await registration.raiseVersion();
    return { current: added, created: true, removedStates };
  });
  await registry.refreshSoon();
  return registered;
}

/** Every problem of a definition, with paths from the chain type's root. */
export function checkDefinition(chainType: ChainType, policy: EndpointPolicy): FieldProblem[] {
  const endpoints: [string, Endpoint | undefined][] = [
    ["validator.url", chainType.validator],
    ["callback.endpoint.url", chainType.callback?.endpoint],
    ...chainType.transitions.flatMap(({ validator, callback }, index): [string, Endpoint | undefined][] => [
      [`transitions[${index}].validator.url`, validator],
      [`transitions[${index}].callback.endpoint.url`, callback?.endpoint],
    ]),
  ];
  return [
    ...checkChainType(chainType),
    ...endpoints.flatMap(([field, endpoint]) => {
      const message = endpoint && endpointProblem(policy, endpoint.url);
      return message ? [{ field, message }] : [];
    }),
  ];
}

function refuseProblems({ name }: ChainType, problems: readonly FieldProblem[]): void {
  if (problems.length === 0) return;
  const all = problems.map(({ field, message }) => `${field}: ${message}`).join("; ");
  throw new Refusal(
    "INVALID_DEFINITION",
    `The definition of "${name}" has ${problems.length} problem(s): ${all}`,
    {
      metadata: { chain_type: name },
      problems: problems.map(({ field, message }) => ({ field: `chain_type.${field}`, message })),
    },
  );
}

/** What this version would silently not do is refused, rather than stored and ignored. */
function refuseUndelivered(chainType: ChainType, makeCurrent: boolean): void {
  const asked = {
    retention: chainType.retention !== undefined,
    replaced_by: chainType.states.some(({ replacedBy }) => replacedBy),
    make_current: makeCurrent,
  };
  const names = Object.entries(asked).flatMap(([name, isAsked]) => (isAsked ? [name] : []));
  if (names.length === 0) return;
  throw new Refusal(
    "NOT_IMPLEMENTED",
    `This version does not carry out ${names.join(", ")} yet. Leave it out of the registration of "${chainType.name}".`,
    { metadata: { chain_type: chainType.name, fields: names.join(",") } },
  );
}

async function refuseTooMany(registration: Registration): Promise<void> {
  const count = await registration.countChainTypes();
  if (count < MOST_CHAIN_TYPES) return;
  throw new Refusal(
    "TOO_MANY_CHAIN_TYPES",
    `There are ${count} chain types, and at most ${MOST_CHAIN_TYPES} may be. Delete one with DeleteChainType.`,
    { metadata: { count: String(count), limit: String(MOST_CHAIN_TYPES) } },
  );
}

async function removedFrom(
  registration: Registration,
  former: ChainType,
  next: ChainType,
): Promise<RemovedState[]> {
  const kept = new Set(statesOf(next));
  const removed: RemovedState[] = [];
  for (const state of statesOf(former)) {
    if (kept.has(state)) continue;
    removed.push({ state, chains: await registration.countChains(next.name, state, MOST_COUNTED) });
  }
  return removed;
}

function refuseStatesInUse(name: string, removedStates: readonly RemovedState[]): void {
  const inUse = removedStates.filter(({ chains }) => chains > 0);
  if (inUse.length === 0) return;
  const counts = inUse.map(
    ({ state, chains }) => `"${state}" (${chains >= MOST_COUNTED ? "at least " : ""}${chains} chains)`,
  );
  throw new Refusal(
    "STATES_IN_USE",
    `The revision of "${name}" removes states in which chains stand: ${counts.join(", ")}. Keep the states, or move the chains with SetChainState.`,
    {
      metadata: {
        chain_type: name,
        ...Object.fromEntries(inUse.map(({ state, chains }) => [`chains_in_${state}`, String(chains)])),
      },
    },
  );
}

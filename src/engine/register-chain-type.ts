import type { ChainType, ChainTypeRevision, Endpoint } from "../domain/chain-type.ts";
import { checkChainType } from "../domain/check-chain-type.ts";
import { contentHash } from "../domain/content-hash.ts";
import { mappedStatesOf } from "../domain/mapped-states.ts";
import { type FieldProblem, Refusal } from "../domain/refusal.ts";
import type { EndpointPolicy } from "../outbound/endpoint-policy.ts";
import type { Database } from "../store/database.ts";
import { type Registration, register } from "../store/registry-store.ts";
import { endpointProblem } from "./endpoint-problem.ts";
import type { Registry } from "./registry.ts";
import { type RemovedState, refuseStatesInUse, removedStates } from "./removed-states.ts";

export interface RegisterChainTypeCommand {
  readonly chainType: ChainType;
  /** Writes nothing, and tells what would become of it. */
  readonly validateOnly: boolean;
  /** Goes back to the content if it is stored under an older revision. */
  readonly makeCurrent: boolean;
}

export interface RegisteredChainType {
  readonly current: ChainTypeRevision;
  readonly created: boolean;
  readonly removedStates: readonly RemovedState[];
}

const MOST_CHAIN_TYPES = 1000;

/**
 * Makes new content the current revision. Content that is stored already changes nothing, also not which revision is current,
 * unless it is to be made current (R25).
 */
export async function registerChainType(
  database: Database,
  registry: Registry,
  policy: EndpointPolicy,
  command: RegisterChainTypeCommand,
): Promise<RegisteredChainType> {
  const { chainType, validateOnly } = command;
  refuseProblems(chainType, checkDefinition(chainType, policy));
  const hash = contentHash(chainType);
  const registered = await register(database, async (registration) => {
    await registration.lock();
    const inForce = await registration.findCurrent(chainType.name);
    const stored = inForce && (await registration.findByContent(chainType.name, hash));
    if (stored && (!command.makeCurrent || stored.revision === inForce.revision)) {
      return { current: inForce, created: false, removedStates: [] };
    }
    if (!inForce) await refuseTooMany(registration);

    const revisions = inForce ? await registration.allRevisions(chainType.name) : [];
    const next = stored ?? planned(chainType, hash, revisions);
    const mappedStates = mappedStatesOf([...revisions, ...(stored ? [] : [next])], next.revision);
    const removed = inForce ? await removedStates(registration, inForce, { chainType, mappedStates }) : [];
    const answer = { created: !stored, removedStates: removed };
    if (validateOnly) return { ...answer, current: stored ?? { ...next, revision: 0 } };
    refuseStatesInUse(chainType.name, removed);
    const current = stored
      ? await registration.makeCurrent(stored, mappedStates)
      : await registration.addRevision(chainType, hash, mappedStates);
    await registration.raiseVersion();
    return { ...answer, current };
  });
  await registry.refreshSoon();
  return registered;
}

/** New content as it will be stored. */
function planned(
  chainType: ChainType,
  hash: string,
  revisions: readonly ChainTypeRevision[],
): ChainTypeRevision {
  return { chainType, revision: revisions.length + 1, contentHash: hash, createTime: new Date() };
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

async function refuseTooMany(registration: Registration): Promise<void> {
  const count = await registration.countChainTypes();
  if (count < MOST_CHAIN_TYPES) return;
  throw new Refusal(
    "TOO_MANY_CHAIN_TYPES",
    `There are ${count} chain types, and at most ${MOST_CHAIN_TYPES} may be. Delete one with DeleteChainType.`,
    { metadata: { count: String(count), limit: String(MOST_CHAIN_TYPES) } },
  );
}

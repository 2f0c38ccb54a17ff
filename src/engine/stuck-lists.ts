import { type ChainTypeRevision, isKnownState } from "../domain/chain-type.ts";
import { deliveryIdOf } from "../domain/delivery.ts";
import type { Database } from "../store/database.ts";
import { type OccupiedState, readOccupiedStates } from "../store/occupied-states.ts";
import {
  chainsInState,
  chainsWithDeadDelivery,
  chainsWithExpiringClaims,
  overdueChains,
  type StuckPlace,
  typesWithOverdueChains,
} from "../store/stuck-chains.ts";
import type { Registry } from "./registry.ts";
import { validatorsMissingIn } from "./validators-missing.ts";

/** Why a chain does not move by itself, in the order in which they are listed. */
export const STUCK_REASONS = [
  "STATE_REMOVED",
  "CLAIM_EXPIRES",
  "DELIVERY_DEAD",
  "NO_VALIDATOR",
  "OVERDUE",
] as const;
export type StuckReason = (typeof STUCK_REASONS)[number];

/** Chains that are stuck for one reason, in one order; of one type or state where the reason goes by these. */
export interface StuckList {
  readonly chainType: string;
  readonly state: string;
  read(after: StuckPlace, limit: number): Promise<readonly (StuckPlace & { readonly explanation: string })[]>;
}

/** The lists of one reason, by type and state (UTF-8 bytes). */
export async function stuckListsOf(
  reason: StuckReason,
  database: Database,
  registry: Registry,
  chainType: string | undefined,
): Promise<StuckList[]> {
  switch (reason) {
    case "STATE_REMOVED":
      return (await readOccupiedStates(database, chainType)).flatMap((occupied) => {
        const revision = registry.find(occupied.chainType);
        return revision && !isKnownState(revision, occupied.state)
          ? [inState(database, occupied, { enabledOnly: false }, stateRemoved(revision, occupied))]
          : [];
      });
    case "NO_VALIDATOR":
      return (await readOccupiedStates(database, chainType)).flatMap((occupied) => {
        const revision = registry.find(occupied.chainType);
        const missing = revision ? validatorsMissingIn(registry, revision.chainType, occupied.state) : [];
        return missing.length > 0
          ? [inState(database, occupied, { enabledOnly: true }, noValidator(missing))]
          : [];
      });
    case "CLAIM_EXPIRES":
      return [ofAll(chainsWithExpiringClaims, claimExpires)];
    case "DELIVERY_DEAD":
      return [ofAll(chainsWithDeadDelivery, deliveryDead)];
    case "OVERDUE": {
      const automatic = registry
        .list()
        .map((revision) => revision.chainType)
        .filter(({ name, autoExecute }) => autoExecute && (chainType === undefined || name === chainType));
      const names = automatic.map(({ name }) => name);
      const overdue = new Set(await typesWithOverdueChains(database, names));
      return names.filter((name) => overdue.has(name)).map((name) => overdueOf(database, name));
    }
  }

  function ofAll<Found extends StuckPlace>(
    find: (
      database: Database,
      chainType: string | undefined,
      after: StuckPlace,
      limit: number,
    ) => Promise<Found[]>,
    explain: (found: Found) => string,
  ): StuckList {
    return {
      chainType: "",
      state: "",
      read: async (after, limit) =>
        (await find(database, chainType, after, limit)).map((found) => ({
          ...found,
          explanation: explain(found),
        })),
    };
  }
}

function inState(
  database: Database,
  occupied: OccupiedState,
  { enabledOnly }: { readonly enabledOnly: boolean },
  explanation: string,
): StuckList {
  return {
    ...occupied,
    read: async (after, limit) =>
      (await chainsInState(database, { ...occupied, enabledOnly }, after, limit)).map((place) => ({
        ...place,
        explanation,
      })),
  };
}

function overdueOf(database: Database, chainType: string): StuckList {
  return {
    chainType,
    state: "",
    read: async (after, limit) =>
      (await overdueChains(database, chainType, after, limit)).map((place) => ({
        ...place,
        explanation: overdue(place),
      })),
  };
}

function stateRemoved({ revision, chainType }: ChainTypeRevision, { state }: OccupiedState): string {
  return (
    `It stands in "${state}", which revision ${revision} of "${chainType.name}" no longer has. ` +
    "Move it with SetChainState, or register a revision that has the state or maps it with replaced_by."
  );
}

function claimExpires({ count }: { readonly count: number }): string {
  return (
    `${count} claims have expired since its last move: whoever takes them dies, or does not complete in time. ` +
    "Look for it by requested_by in the history; a claim lasts as long as claim_duration, and longer with ExtendClaim. " +
    "With a BEFORE_COMMIT callback, the callback does not answer."
  );
}

function deliveryDead(dead: {
  readonly id: string;
  readonly version: number;
  readonly transition: string;
  readonly attempts: number;
  readonly lastError: string;
}): string {
  const { id, version, transition, attempts, lastError } = dead;
  return (
    `Its delivery "${deliveryIdOf(id, version, transition)}" was given up after ${attempts} attempts: ${lastError}. ` +
    "Mend the callback, then make the delivery pending again with RedriveDelivery. ListDeliveries shows all that are dead."
  );
}

function noValidator(missing: readonly string[]): string {
  const names = missing.map((name) => `"${name}"`).join(", ");
  return (
    `This sidecar has no validator for ${names}, which may leave its state. Register one with RegisterValidator, which the ` +
    "application does at each start for an endpoint beside it, or name one in the definition. Nothing is wrong if every Execute " +
    "names its own validator_endpoint."
  );
}

function overdue({ time }: StuckPlace): string {
  return (
    `It has been due since ${time}, and no sidecar executes it. A sidecar takes only chains of types whose transitions all have an ` +
    "endpoint that answers there: see ListValidators and CheckValidator at the sidecar that should, and whether it runs."
  );
}

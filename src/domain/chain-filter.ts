import type { ResourceMapping } from "./resource-mapping.ts";

/** Selects chains that pass every condition that is set. */
export interface ChainFilter {
  readonly chainType?: string | undefined;
  readonly state?: string | undefined;
  readonly resource?: ResourceMapping | undefined;
  readonly disabled?: boolean | undefined;
  /** Only chains that an Execute would judge now. */
  readonly due: boolean;
}

/** What a chain is judged by. */
export interface FilteredChain {
  readonly chainType: string;
  /** Unset: the chain has been deleted. */
  readonly state?: string | undefined;
  readonly resources: readonly ResourceMapping[];
  readonly disabled: boolean;
  /** It has a `next_update_time` that is yet to come. */
  readonly isEarly: boolean;
}

/** `isFinal` tells of the state of a chain that exists. */
export function passes(
  filter: ChainFilter,
  chain: FilteredChain,
  isFinal: (chain: { readonly chainType: string; readonly state: string }) => boolean,
): boolean {
  const { chainType, state, resource, disabled } = filter;
  if (chainType !== undefined && chain.chainType !== chainType) return false;
  if (state !== undefined && chain.state !== state) return false;
  if (disabled !== undefined && chain.disabled !== disabled) return false;
  if (resource && !chain.resources.some((mapping) => isSame(mapping, resource))) return false;
  if (!filter.due) return true;
  return (
    chain.state !== undefined &&
    !chain.disabled &&
    !chain.isEarly &&
    !isFinal({ ...chain, state: chain.state })
  );
}

/** True if every chain passes. */
export function isEmpty({ chainType, state, resource, disabled, due }: ChainFilter): boolean {
  return !due && [chainType, state, resource, disabled].every((condition) => condition === undefined);
}

function isSame(one: ResourceMapping, other: ResourceMapping): boolean {
  return one.resourceType === other.resourceType && one.resourceId === other.resourceId;
}

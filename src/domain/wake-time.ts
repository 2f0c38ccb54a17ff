import type { Chain } from "./chain.ts";
import { type AutoExecute, type ChainType, transitionsFrom } from "./chain-type.ts";
import type { Hold } from "./hold.ts";

const DEFAULT_RECHECK_INTERVAL_MS = 5 * 60_000;
const DEFAULT_RECHECK_MAX_MS = 6 * 3_600_000;
const FIRST_RETRY_MS = 1_000;
/** Chains that were looked at together are not looked at together again: up to so much is added. */
const MOST_JITTER = 0.1;

/** How often a chain has been judged in its present version without moving. */
export interface Tries {
  readonly noValidCount: number;
  readonly errorCount: number;
}

export interface Unmoved {
  readonly chain: Chain;
  readonly chainType: ChainType;
  /** What holds transitions after the attempt. */
  readonly holds: readonly Hold[];
  /** The attempt counted. */
  readonly tries: Tries;
  readonly cameTo: "NO_VALID_TRANSITION" | "ERROR";
  readonly now: Date;
}

export function recheckOf({ recheckIntervalMs, recheckMaxMs }: AutoExecute): {
  readonly intervalMs: number;
  readonly maxMs: number;
} {
  const intervalMs = recheckIntervalMs ?? DEFAULT_RECHECK_INTERVAL_MS;
  return { intervalMs, maxMs: recheckMaxMs ?? Math.max(DEFAULT_RECHECK_MAX_MS, intervalMs) };
}

/**
 * When a chain that did not move is looked at again (R23): as soon as its first transition may have become valid. That it is not
 * before the chain is due sees whoever writes it, since that may have changed. Undefined where no sidecar looks at it by
 * itself.
 *
 * @param random from 0 to 1
 */
export function wakeTimeAfter(unmoved: Unmoved, random: number): Date | undefined {
  const { chain, chainType, holds, now } = unmoved;
  const transitions = transitionsFrom(chainType, chain.state);
  if (!chainType.autoExecute || chain.disabled || transitions.length === 0) return undefined;
  const recheck =
    now.getTime() + backoffMs(unmoved, recheckOf(chainType.autoExecute)) * (1 + MOST_JITTER * random);
  const earliest = Math.min(
    // Also of one that has ended since the chain was read, when it was not asked because of it.
    ...transitions.map(
      ({ name }) => holds.find(({ transition }) => transition === name)?.notBefore.getTime() ?? recheck,
    ),
  );
  return new Date(earliest);
}

function backoffMs(
  { cameTo, tries }: Unmoved,
  { intervalMs, maxMs }: { readonly intervalMs: number; readonly maxMs: number },
): number {
  return cameTo === "ERROR"
    ? doubled(FIRST_RETRY_MS, tries.errorCount, intervalMs)
    : doubled(intervalMs, tries.noValidCount, maxMs);
}

function doubled(firstMs: number, count: number, mostMs: number): number {
  return Math.min(firstMs * 2 ** Math.max(0, count - 1), mostMs);
}

import type { Chain } from "../domain/chain.ts";
import type { Database } from "../store/database.ts";
import { readChains } from "../store/read-chains.ts";
import { START } from "../store/stuck-chains.ts";
import type { Registry } from "./registry.ts";
import { STUCK_REASONS, type StuckList, type StuckReason, stuckListsOf } from "./stuck-lists.ts";

export interface StuckChain {
  readonly chain: Chain;
  readonly reason: StuckReason;
  /** The same in words, with the remedy. */
  readonly explanation: string;
}

/** The last chain of a page: which list it is of, and its place there. */
export interface StuckListPlace {
  readonly reason: StuckReason;
  /** Empty where the reason has one list for all types or states. */
  readonly chainType: string;
  readonly state: string;
  readonly time: string;
  readonly id: string;
}

/**
 * Chains that do not move by themselves, reason after reason; one that has several reasons comes once for each. Nothing reads more of
 * the chains than it finds.
 */
export async function listStuckChains(
  database: Database,
  registry: Registry,
  filter: { readonly chainType?: string | undefined; readonly reason?: StuckReason | undefined },
  after: StuckListPlace | undefined,
  limit: number,
): Promise<{ readonly stuckChains: readonly StuckChain[]; readonly next?: StuckListPlace | undefined }> {
  const found: (StuckListPlace & { readonly explanation: string })[] = [];
  const reasons = filter.reason ? [filter.reason] : STUCK_REASONS;
  for (const reason of reasons) {
    if (after && isBefore(reason, after.reason)) continue;
    for (const list of await stuckListsOf(reason, database, registry, filter.chainType)) {
      const isAfters = after?.reason === reason && compare(list, after) === 0;
      if (after?.reason === reason && compare(list, after) < 0) continue;
      const rest = limit + 1 - found.length;
      if (rest === 0) break;
      const rows = await list.read(isAfters ? after : START, rest);
      const { chainType, state } = list;
      found.push(...rows.map((row) => ({ ...row, reason, chainType, state })));
    }
  }
  const page = found.slice(0, limit);
  const chains = new Map((await readAll(database, page)).map((chain) => [chain.id, chain]));
  return {
    stuckChains: page.flatMap(({ id, reason, explanation }) => {
      const chain = chains.get(id);
      // One that was deleted meanwhile is not listed.
      return chain ? [{ chain, reason, explanation }] : [];
    }),
    next: found.length > limit ? page.at(-1) : undefined,
  };
}

async function readAll(database: Database, places: readonly { readonly id: string }[]): Promise<Chain[]> {
  const lookups = [...new Set(places.map(({ id }) => id))].map((id) => ({ ref: { id }, requestId: "" }));
  if (lookups.length === 0) return [];
  return (await readChains(database, lookups)).flatMap(({ chain }) => chain ?? []);
}

function isBefore(reason: StuckReason, other: StuckReason): boolean {
  return STUCK_REASONS.indexOf(reason) < STUCK_REASONS.indexOf(other);
}

/** As the database sorts names: by bytes. */
function compare(one: Pick<StuckList, "chainType" | "state">, other: Pick<StuckList, "chainType" | "state">) {
  const byType = Buffer.compare(Buffer.from(one.chainType), Buffer.from(other.chainType));
  return byType || Buffer.compare(Buffer.from(one.state), Buffer.from(other.state));
}

import { raw } from "@mikro-orm/postgresql";
import type { Chain } from "../domain/chain.ts";
import type { ResourceMapping } from "../domain/resource-mapping.ts";
import type { Database } from "./database.ts";
import { ChainEntity } from "./entities/chain-entity.ts";
import { guarded } from "./guarded.ts";
import { readChains } from "./read-chains.ts";

export interface ChainFilter {
  readonly chainType?: string | undefined;
  readonly state?: string | undefined;
  readonly resource?: ResourceMapping | undefined;
  readonly disabled?: boolean | undefined;
  /** Only chains that could move now; final states are told apart by the caller's registry. */
  readonly due?: { readonly finalStates: readonly { chainType: string; state: string }[] } | undefined;
}

/** The last chain of a page; with `due`, also its place in time. */
export interface ChainPlace {
  readonly id: string;
  readonly dueTime?: string | undefined;
}

export interface ChainPage {
  readonly chains: readonly Chain[];
  /** Where the next page begins; undefined on the last one. */
  readonly next?: ChainPlace | undefined;
}

// As in the index chain_due, or the planner does not see that it fits.
const DUE_TIME = "coalesce(c.next_update_time, '-infinity')";

/** Chains that pass every filter, by id, or with `due` by the time since which they are; keyset pages on an index. */
export function listChains(
  database: Database,
  filter: ChainFilter,
  after: ChainPlace | undefined,
  limit: number,
): Promise<ChainPage> {
  return guarded(async () => {
    const query = database.orm.em
      .fork()
      .createQueryBuilder(ChainEntity, "c")
      .select(["id", raw(`${DUE_TIME}::text as due_time`)]);
    if (filter.chainType !== undefined) query.andWhere({ chainType: filter.chainType });
    if (filter.state !== undefined) query.andWhere({ state: filter.state });
    if (filter.disabled !== undefined) query.andWhere({ disabled: filter.disabled });
    if (filter.resource)
      query.innerJoin("c.resources", "r").andWhere({
        "r.resourceType": filter.resource.resourceType,
        "r.resourceId": filter.resource.resourceId,
      });
    if (filter.due) {
      query.andWhere(`not c.disabled and c.state <> 'done' and ${DUE_TIME} <= clock_timestamp()`);
      for (const { chainType, state } of filter.due.finalStates) {
        query.andWhere("not (c.chain_type = ? and c.state = ?)", [chainType, state]);
      }
      if (after) query.andWhere(`(${DUE_TIME}, c.id) > (?::timestamptz, ?::uuid)`, [after.dueTime, after.id]);
      query.orderBy([{ [raw(DUE_TIME)]: "asc" }, { id: "asc" }]);
    } else {
      if (after) query.andWhere({ id: { $gt: after.id } });
      query.orderBy({ id: "asc" });
    }
    const rows = await query.limit(limit + 1).execute<{ id: string; due_time: string }[]>("all", false);
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      chains: await readAll(
        database,
        page.map(({ id }) => id),
      ),
      next: rows.length > limit && last ? { id: last.id, dueTime: last.due_time } : undefined,
    };
  });
}

async function readAll(database: Database, ids: readonly string[]): Promise<Chain[]> {
  const readings = await readChains(
    database,
    ids.map((id) => ({ ref: { id }, requestId: "" })),
  );
  // One that was deleted meanwhile is not listed.
  return readings.flatMap(({ chain }) => chain ?? []);
}

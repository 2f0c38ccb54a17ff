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
  /**
   * As PostgreSQL writes a time. Only chains that have neither been created nor moved since, and with `due` only those that were due
   * then already and whose schedule nobody has changed since: so none can come twice, however long the list takes.
   */
  readonly untouchedSince?: string | undefined;
}

/** What a list reads of each chain to go on by. */
export interface ListedRow {
  readonly id: string;
  readonly version: string;
  readonly due_time: string;
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
    const { rows, next } = await chainRows(database, filter, after, limit);
    const ids = rows.map(({ id }) => id);
    return { chains: await readAll(database, ids), next };
  });
}

/** A page of what the chain table alone says of these chains. */
export async function chainRows(
  database: Database,
  filter: ChainFilter,
  after: ChainPlace | undefined,
  limit: number,
): Promise<{ readonly rows: readonly ListedRow[]; readonly next?: ChainPlace | undefined }> {
  const query = database.orm.em
    .fork()
    .createQueryBuilder(ChainEntity, "c")
    .select(["id", "version", raw(`${DUE_TIME}::text as due_time`)]);
  if (filter.chainType !== undefined) query.andWhere({ chainType: filter.chainType });
  if (filter.state !== undefined) query.andWhere({ state: filter.state });
  if (filter.disabled !== undefined) query.andWhere({ disabled: filter.disabled });
  if (filter.resource)
    query.innerJoin("c.resources", "r").andWhere({
      "r.resourceType": filter.resource.resourceType,
      "r.resourceId": filter.resource.resourceId,
    });
  const since = filter.untouchedSince;
  if (since !== undefined) query.andWhere("c.update_time <= ?::timestamptz", [since]);
  if (filter.due) {
    // Not clock_timestamp(), by which no index can be searched: the last page would read all that are not due yet.
    query.andWhere(
      `not c.disabled and c.state <> 'done' and ${DUE_TIME} <= coalesce(?::timestamptz, now())`,
      [since ?? null],
    );
    for (const { chainType, state } of filter.due.finalStates) {
      query.andWhere("not (c.chain_type = ? and c.state = ?)", [chainType, state]);
    }
    // One whose time was set to another would come twice. Asked row by row: as a join, all notes might be read.
    if (since !== undefined) query.andWhere(`${updatedSince(database.schema)} is null`, [since]);
    if (after) query.andWhere(`(${DUE_TIME}, c.id) > (?::timestamptz, ?::uuid)`, [after.dueTime, after.id]);
    query.orderBy([{ [raw(DUE_TIME)]: "asc" }, { id: "asc" }]);
  } else {
    if (after) query.andWhere({ id: { $gt: after.id } });
    query.orderBy({ id: "asc" });
  }
  const found = await query.limit(limit + 1).execute<ListedRow[]>("all", false);
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  return { rows, next: found.length > limit && last ? { id: last.id, dueTime: last.due_time } : undefined };
}

const updatedSince = (schema: string) => `
  (select e.id from ${schema}.chain_event e
   where e.chain_id = c.id and e.version = c.version and not e.is_move and e.kind = 'UPDATED'
     and e.event_time > ?::timestamptz limit 1)`;

async function readAll(database: Database, ids: readonly string[]): Promise<Chain[]> {
  const readings = await readChains(
    database,
    ids.map((id) => ({ ref: { id }, requestId: "" })),
  );
  // One that was deleted meanwhile is not listed.
  return readings.flatMap(({ chain }) => chain ?? []);
}

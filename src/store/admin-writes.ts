import type { ResourceMapping } from "../domain/resource-mapping.ts";
import { pairFromResource, resourcesOf } from "./chain-row.ts";
import type { Database } from "./database.ts";

/** Who writes a chain by hand, and on which version. */
export interface AdminWrite {
  readonly eventId: string;
  readonly chainId: string;
  /** The version that is written on. */
  readonly version: number;
  readonly requestedBy: string;
  readonly reason: string;
}

/**
 * Each is one statement that locks the chain's row and writes its event; `false` if a guard did not hold. What follows
 * `held` in a statement sees the row as it is under the lock.
 */
export async function setState(
  database: Database,
  write: AdminWrite,
  change: {
    readonly state: string;
    readonly revision: number;
    readonly wakes: boolean;
    readonly purgeAfterMs?: number | undefined;
  },
): Promise<boolean> {
  const { schema } = database;
  return wrote(database, write, {
    values: [change.state, change.revision, change.wakes, change.purgeAfterMs ?? null],
    change: `
      update ${schema}.chain c set state = $6, version = c.version + 1, fence = c.fence + 1, claim_id = null,
        claim_expiry = null, next_update_time = null, update_time = clock_timestamp(),
        wake_time = case when $8::boolean and not c.disabled then clock_timestamp() end,
        purge_time = clock_timestamp() + $9::double precision * interval '1 millisecond'
      from held h
      where c.id = h.id and c.version = h.version
        and exists (select from ${schema}.chain_type t where t.name = c.chain_type and $6 = any(t.states))
      returning c.id, c.version, c.update_time as time, h.state as from_state`,
    event: `
      insert into ${schema}.chain_event (id, chain_id, kind, is_move, version, from_state, final_state, revision,
        requested_by, reason, event_time)
      select $2::uuid, id, 'STATE_SET', true, version, from_state, $6, $7::integer, $4::text, $5::text, time from changed`,
  });
}

export async function updateChain(
  database: Database,
  write: AdminWrite,
  change: {
    readonly disabled?: boolean | undefined;
    readonly nextUpdateTime?: { readonly time: Date | undefined } | undefined;
    /** The chain is one that a sidecar goes on with by itself, unless it is disabled. */
    readonly wakes: boolean;
  },
): Promise<boolean> {
  const { schema } = database;
  return wrote(database, write, {
    values: [
      change.disabled ?? null,
      change.nextUpdateTime !== undefined,
      change.nextUpdateTime?.time?.toISOString() ?? null,
      change.wakes,
    ],
    change: `
      update ${schema}.chain c set disabled = coalesce($6::boolean, c.disabled),
        next_update_time = case when $7::boolean then $8::timestamptz else c.next_update_time end,
        wake_time = case when $9::boolean and not coalesce($6::boolean, c.disabled)
          then coalesce(case when $7::boolean then $8::timestamptz else c.next_update_time end, clock_timestamp()) end,
        ${KEEP_LIVING_CLAIM}
      from held h where c.id = h.id and c.version = h.version
      returning c.id, c.version, clock_timestamp() as time`,
    event: `
      insert into ${schema}.chain_event (id, chain_id, kind, is_move, version, requested_by, reason, event_time)
      select $2::uuid, id, 'UPDATED', false, version, $4::text, $5::text, time from changed`,
  });
}

/** `key` is that of the larger set; a unique violation of `one_chain_per_key` says that it is taken. */
export async function addResources(
  database: Database,
  write: AdminWrite,
  { formerKey, key, added }: { formerKey: Buffer; key: Buffer; added: readonly ResourceMapping[] },
): Promise<boolean> {
  const { schema } = database;
  return wrote(database, write, {
    values: [
      formerKey,
      key,
      added.map(({ resourceType }) => resourceType),
      added.map(({ resourceId }) => resourceId),
      JSON.stringify(added.map(pairFromResource)),
    ],
    change: `
      update ${schema}.chain c set key = $7, ${KEEP_LIVING_CLAIM} from held h
      where c.id = h.id and c.version = h.version and c.key = $6
      returning c.id, c.version, clock_timestamp() as time`,
    event: `
      insert into ${schema}.chain_event (id, chain_id, kind, is_move, version, added_resources, requested_by, reason,
        event_time)
      select $2::uuid, id, 'RESOURCES_ADDED', false, version, $10::json, $4::text, $5::text, time from changed`,
    further: `,
      mapped as (
        insert into ${schema}.chain_resource (chain_id, resource_type, resource_id)
        select changed.id, r.resource_type, r.resource_id
        from changed, unnest($8::text[], $9::text[]) as r (resource_type, resource_id)
        on conflict do nothing
      )`,
  });
}

/**
 * Refused while a claim lives or a delivery is pending, unless forced; what is pending is delivered all the same. The note keeps
 * what watchers of events select chains by.
 */
export async function deleteChain(database: Database, write: AdminWrite, force: boolean): Promise<boolean> {
  const { schema } = database;
  return wrote(database, write, {
    values: [force],
    change: `
      delete from ${schema}.chain c using held h
      where c.id = h.id and c.version = h.version
        and ($6::boolean or (c.claim_id is null or c.claim_expiry <= clock_timestamp()) and not exists (
          select from ${schema}.outbox_message m where m.chain_id = c.id and m.state = 'PENDING'))
      returning c.id, c.version, clock_timestamp() as time, json_build_object('chainType', c.chain_type,
        'resources', ${resourcesOf(schema, "c.id")}, 'createTime', c.create_time, 'disabled', c.disabled) as chain_after`,
    event: `
      insert into ${schema}.chain_event (id, chain_id, kind, is_move, version, chain_after, requested_by, reason, event_time)
      select $2::uuid, id, 'DELETED', false, version, chain_after, $4::text, $5::text, time from changed`,
  });
}

/** An expired claim goes with the write that notes it, or every later one would note it again. */
const KEEP_LIVING_CLAIM = `
        claim_id = case when h.expired_claim_id is null then c.claim_id end,
        claim_expiry = case when h.expired_claim_id is null then c.claim_expiry end`;

interface Parts {
  /** From $6 on. */
  readonly values: readonly unknown[];
  readonly change: string;
  readonly event: string;
  readonly further?: string;
}

async function wrote(database: Database, write: AdminWrite, parts: Parts): Promise<boolean> {
  const { schema } = database;
  const rows = await database.query(
    `with held as materialized (
       select id, state, version, case when claim_expiry <= clock_timestamp() then claim_id end as expired_claim_id
       from ${schema}.chain where id = $1 and version = $3::bigint for no key update
     ),
     changed as (${parts.change}),
     noted as (${parts.event}),
     claim_noted as (
       insert into ${schema}.chain_event (id, chain_id, kind, is_move, version, requested_by, reason, event_time)
       select h.expired_claim_id, h.id, 'CLAIM_EXPIRED', false, h.version, '', '', changed.time
       from changed join held h using (id) where h.expired_claim_id is not null
     )${parts.further ?? ""}
     select from changed`,
    [write.chainId, write.eventId, write.version, write.requestedBy, write.reason, ...parts.values],
  );
  return rows.length > 0;
}

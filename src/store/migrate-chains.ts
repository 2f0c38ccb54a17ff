import type { Chain } from "../domain/chain.ts";
import type { Database } from "./database.ts";

/** A chain that stands in a mapped state, as it was read. */
export type StrandedChain = Pick<Chain, "id" | "chainType" | "state" | "version">;

/** The move of a chain from a mapped state to the one that takes its place (R26). */
export interface Migration {
  readonly chainId: string;
  /** That was read: a chain that has moved since stays as it is. */
  readonly version: number;
  readonly eventId: string;
  readonly finalState: string;
  /** Whose mapping it is; where another one is current by now, the chain stays as it is. */
  readonly revision: number;
  /** A sidecar goes on with the chain by itself as soon as it is due (R23). */
  readonly wakes: boolean;
  /** The chain has come to a final state, and is never due again. */
  readonly ends: boolean;
  /** So long after the move retention has something to delete of the chain. */
  readonly purgeAfterMs?: number | undefined;
}

/** One statement must not hold the locks of more chains than this. */
export const MOST_MIGRATIONS = 500;

/** Who asked, in the history. */
const MIGRATOR = "migration";

/** Some of the chains that stand in these states and are not claimed, at most MOST_MIGRATIONS. */
export async function findStrandedChains(
  { read, schema }: Database,
  states: readonly { readonly chainType: string; readonly state: string }[],
): Promise<StrandedChain[]> {
  const rows = await read<{ id: string; chain_type: string; state: string; version: string }>(
    `select c.* from unnest($1::text[], $2::text[]) as m (chain_type, state)
     cross join lateral (
       select k.id, k.chain_type, k.state, k.version from ${schema}.chain k
       where k.chain_type = m.chain_type and k.state = m.state
         and (k.claim_id is null or k.claim_expiry <= clock_timestamp())
       order by k.id limit ${MOST_MIGRATIONS}
     ) c limit ${MOST_MIGRATIONS}`,
    [states.map(({ chainType }) => chainType), states.map(({ state }) => state)],
  );
  return rows.map(({ chain_type, version, ...row }) => ({
    ...row,
    chainType: chain_type,
    version: Number(version),
  }));
}

/**
 * Migrates different chains in one statement, each only in the version that was read, without a living claim, and while its
 * mapping is in force; tells how many. Whoever has locked a chain is not waited for.
 */
export function migrateChains(database: Database, migrations: readonly Migration[]): Promise<number> {
  return migrate(database, migrations, "skip locked");
}

/** Migrates one chain, waiting for whoever has locked it; false if a guard did not hold. */
export async function migrateChainAlone(database: Database, migration: Migration): Promise<boolean> {
  return (await migrate(database, [migration], "")) > 0;
}

// The time at which a chain is due goes with it, since its state has only another name. What attempts have found does not: it is
// of the version before.
async function migrate(
  { query, schema }: Database,
  migrations: readonly Migration[],
  locking: "skip locked" | "",
): Promise<number> {
  const rows = await query(
    `with held as materialized (
       select i.*, k.state as from_state, k.claim_id as former_claim_id
       from json_to_recordset($1) as i (chain_id uuid, version bigint, event_id uuid, final_state text, revision integer,
         wakes boolean, ends boolean, purge_after_ms double precision)
       join ${schema}.chain k on k.id = i.chain_id
       for no key update of k ${locking}
     ),
     moved as (
       update ${schema}.chain c set state = h.final_state, version = c.version + 1, fence = c.fence + 1,
         claim_id = null, claim_expiry = null,
         next_update_time = case when not h.ends then c.next_update_time end,
         wake_time = case when h.wakes and not c.disabled then coalesce(c.next_update_time, clock_timestamp()) end,
         purge_time = clock_timestamp() + h.purge_after_ms * interval '1 millisecond',
         update_time = clock_timestamp()
       from held h
       where c.id = h.chain_id and c.version = h.version
         and (c.claim_id is null or c.claim_expiry <= clock_timestamp())
         and exists (
           select from ${schema}.chain_type t where t.name = c.chain_type and t.current_revision = h.revision)
       returning h.*, c.update_time
     ),
     noted as (
       insert into ${schema}.chain_event (id, chain_id, kind, is_move, version, from_state, final_state, revision,
         requested_by, reason, event_time)
       select event_id, chain_id, 'MIGRATED', true, version + 1, from_state, final_state, revision, '${MIGRATOR}', '',
         update_time
       from moved
     ),
     claim_noted as (
       insert into ${schema}.chain_event (id, chain_id, kind, is_move, version, requested_by, reason, event_time)
       select former_claim_id, chain_id, 'CLAIM_EXPIRED', false, version, '', '', update_time
       from moved where former_claim_id is not null
     ),
     claim_ended as (
       delete from ${schema}.chain_claim k using moved m
       where k.chain_id = m.chain_id and m.former_claim_id is not null
     )
     select from moved`,
    [JSON.stringify(migrations.map(rowOf))],
  );
  return rows.length;
}

function rowOf(migration: Migration) {
  return {
    chain_id: migration.chainId,
    version: migration.version,
    event_id: migration.eventId,
    final_state: migration.finalState,
    revision: migration.revision,
    wakes: migration.wakes,
    ends: migration.ends,
    purge_after_ms: migration.purgeAfterMs,
  };
}

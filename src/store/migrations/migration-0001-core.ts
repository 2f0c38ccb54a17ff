import { Migration } from "@mikro-orm/migrations";

/** The core: definitions, chains and their history. */
export class Migration0001Core extends Migration {
  override readonly name = "0001-core";

  up(): void {
    const schema = this.config.get("schema");
    for (const statement of statements(`"${schema}"`)) this.addSql(statement);
  }

  /** Going back to nothing would delete every history: restore a backup instead. */
  override down(): never {
    throw new Error("The first migration has no way back.");
  }
}

// Names compare byte for byte (R1), whatever the database's locale: hence collate "C" wherever text is a key.
const statements = (schema: string): string[] => [
  `create table ${schema}.application (
     name text not null,
     only_row boolean primary key default true constraint application_is_one check (only_row)
   )`,

  `create table ${schema}.registry_version (
     version bigint not null,
     only_row boolean primary key default true constraint registry_version_is_one check (only_row)
   )`,
  `insert into ${schema}.registry_version (version) values (0)`,

  `create table ${schema}.chain_type (
     name text collate "C" primary key,
     current_revision integer not null constraint chain_type_revision_counts_from_one check (current_revision >= 1),
     -- What a commit may move to (R10): the states of the current revision.
     states text[] not null
   )`,
  `create table ${schema}.chain_type_revision (
     chain_type text collate "C" not null references ${schema}.chain_type (name) on delete cascade,
     revision integer not null constraint revision_counts_from_one check (revision >= 1),
     content_hash text not null,
     definition json not null,
     create_time timestamptz not null default clock_timestamp(),
     primary key (chain_type, revision),
     constraint one_revision_per_content unique (chain_type, content_hash)
   )`,

  `create table ${schema}.validator_endpoint (
     chain_type text collate "C" not null references ${schema}.chain_type (name) on delete cascade,
     -- Empty: all transitions without a row of their own.
     transition text collate "C" not null,
     url text not null,
     timeout_ms integer,
     primary key (chain_type, transition)
   )`,
  `create table ${schema}.callback_endpoint (
     chain_type text collate "C" not null references ${schema}.chain_type (name) on delete cascade,
     transition text collate "C" not null,
     url text not null,
     timeout_ms integer,
     mode text not null constraint callback_mode_is_known check (mode in ('BEFORE_COMMIT', 'AFTER_COMMIT')),
     primary key (chain_type, transition)
   )`,

  `create table ${schema}.chain (
     id uuid primary key,
     chain_type text collate "C" not null,
     -- SHA-256 of type and resource set: one chain per exact set (R1).
     key bytea not null constraint one_chain_per_key unique
       constraint key_is_sha256 check (octet_length(key) = 32),
     state text collate "C" not null,
     version bigint not null constraint version_counts_from_zero check (version >= 0),
     fence bigint not null constraint fence_counts_from_zero check (fence >= 0),
     disabled boolean not null,
     next_update_time timestamptz,
     claim_id uuid,
     claim_expiry timestamptz,
     create_time timestamptz not null,
     update_time timestamptz not null,
     constraint claim_all_or_none check ((claim_id is null) = (claim_expiry is null))
   )`,
  `create index chain_by_type on ${schema}.chain (chain_type, id)`,
  `create index chain_by_state on ${schema}.chain (chain_type, state, id)`,
  `create index chain_disabled on ${schema}.chain (id) where disabled`,
  // The order in which due chains are listed; what can never be due again is not in it.
  `create index chain_due on ${schema}.chain (coalesce(next_update_time, '-infinity'), id)
     where not disabled and state <> 'done'`,

  `create table ${schema}.chain_resource (
     chain_id uuid not null references ${schema}.chain (id) on delete cascade,
     resource_type text collate "C" not null,
     resource_id text collate "C" not null,
     primary key (chain_id, resource_type, resource_id)
   )`,
  `create index chain_resource_by_resource on ${schema}.chain_resource (resource_type, resource_id, chain_id)`,

  `create table ${schema}.chain_attempt (
     chain_id uuid primary key references ${schema}.chain (id) on delete cascade,
     version bigint not null,
     revision integer not null,
     attempt_time timestamptz not null,
     outcome text,
     reason text,
     requested_by text not null,
     request_id text not null,
     attempt_id uuid not null,
     evaluations json not null,
     holds json not null,
     -- Of what was found, without when and by whom: a repetition is not written again (R15).
     digest text not null,
     constraint outcome_or_reason check ((outcome is null) <> (reason is null))
   )`,

  // No foreign key: the history outlives its chain (R14).
  `create table ${schema}.chain_event (
     id uuid primary key,
     chain_id uuid not null,
     kind text not null constraint event_kind_is_known check (kind in (
       'TRANSITIONED', 'STATE_SET', 'MIGRATED', 'IMPORTED',
       'RESOURCES_ADDED', 'UPDATED', 'DELETED', 'CALLBACK_FAILED', 'CLAIM_ABANDONED', 'CLAIM_EXPIRED')),
     -- A move changes the state and makes the version; a note only saw it.
     is_move boolean not null constraint moves_are_moves check (
       is_move = (kind in ('TRANSITIONED', 'STATE_SET', 'MIGRATED', 'IMPORTED'))),
     version bigint not null constraint event_version_counts check (version >= is_move::int),
     transition text,
     from_state text,
     final_state text,
     revision integer,
     evaluations json,
     context json,
     added_resources json,
     -- What of the chain afterwards the other columns do not say, so that a repetition gets the same answer (R13).
     chain_after json,
     next_update_time timestamptz,
     requested_by text not null,
     request_id text collate "C",
     request_hash text,
     attempt_id uuid,
     reason text not null,
     event_time timestamptz not null,
     constraint move_has_states check (is_move = (from_state is not null and final_state is not null)),
     constraint request_id_has_hash check ((request_id is null) = (request_hash is null))
   )`,
  `create unique index one_move_per_version on ${schema}.chain_event (chain_id, version) where is_move`,
  `create unique index one_move_per_request on ${schema}.chain_event (chain_id, request_id) where is_move`,
  `create index event_by_chain on ${schema}.chain_event (chain_id, version, is_move desc, id)`,
];

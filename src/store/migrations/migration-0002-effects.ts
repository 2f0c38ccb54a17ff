import { Migration } from "@mikro-orm/migrations";

/** Effects and time: claims, the outbox, wake-ups, mapped states, places in the stream of events, and what retention needs. */
export class Migration0002Effects extends Migration {
  override readonly name = "0002-effects";

  up(): void {
    const schema = this.config.get("schema");
    for (const statement of statements(`"${schema}"`)) this.addSql(statement);
  }

  /** Going back would lose effects that are still to be delivered: restore a backup instead. */
  override down(): never {
    throw new Error("This migration has no way back.");
  }
}

// Added columns have constant defaults or none, so that no table is rewritten, and a sidecar of the version before goes on
// writing beside this one.
const statements = (schema: string): string[] => [
  `alter table ${schema}.chain
     -- When a sidecar next looks at the chain by itself (R23); null if none does.
     add column wake_time timestamptz,
     -- When retention next has something to delete of it; null unless final.
     add column purge_time timestamptz,
     -- Moves up to this version have been deleted by retention.
     add column pruned_version bigint not null default 0
       constraint pruned_version_is_a_version check (pruned_version between 0 and version)`,
  `create index chain_wake on ${schema}.chain (chain_type, wake_time) where wake_time is not null`,
  `create index chain_purge on ${schema}.chain (purge_time) where purge_time is not null`,
  `create index chain_claimed on ${schema}.chain (claim_expiry) where claim_id is not null`,

  // The revision with which all chains of the type are in line: that by itself becomes of them what it says (R23). 0: some
  // may still be as any revision of before left them.
  `alter table ${schema}.chain_type add column upkeep_revision integer not null default 0`,

  // Of attempts in the chain's present version, since the last that moved it: they space the wake-ups (R23).
  `alter table ${schema}.chain_attempt
     add column no_valid_count integer not null default 0,
     add column error_count integer not null default 0`,

  // What was decided for a claimed chain, until its holder completes it (R19). One row for each claimed chain.
  `create table ${schema}.chain_claim (
     chain_id uuid primary key references ${schema}.chain (id) on delete cascade,
     claim_id uuid not null,
     version bigint not null,
     transition text not null,
     from_state text not null,
     final_state text not null,
     revision integer not null,
     evaluations json not null,
     context json not null,
     due_time timestamptz,
     delay_ms double precision,
     callback_context json not null,
     requested_by text not null,
     request_id text collate "C",
     request_hash text,
     attempt_id uuid not null,
     -- How long it was taken for: what an extension gives by default.
     term_ms double precision not null constraint claim_lasts check (term_ms > 0),
     claim_time timestamptz not null
   )`,

  // An effect on its way, one for each move that has one. No foreign key: it outlives its chain (R14).
  `create table ${schema}.outbox_message (
     chain_id uuid not null,
     -- That the move made.
     version bigint not null,
     chain_type text collate "C" not null,
     transition text collate "C" not null,
     fencing_token bigint not null,
     -- What is sent, but for the token.
     body bytea not null,
     state text not null constraint delivery_state_is_known check (state in ('PENDING', 'DELIVERED', 'DEAD')),
     attempts integer not null default 0,
     next_attempt_time timestamptz,
     -- Names the attempt that is under way, or was the last; null while it waits for an earlier message of its chain.
     lease_id uuid,
     last_error text not null default '',
     endpoint text not null default '',
     create_time timestamptz not null,
     -- When an operator last made it pending again; its time to be delivered begins anew.
     redrive_time timestamptz,
     primary key (chain_id, version),
     constraint pending_is_due check ((state = 'PENDING') = (next_attempt_time is not null))
   )`,
  `create index outbox_due on ${schema}.outbox_message (chain_type, transition, next_attempt_time) where state = 'PENDING'`,
  `create index outbox_of_chain on ${schema}.outbox_message (chain_id, version) where state = 'PENDING'`,
  `create index outbox_by_state on ${schema}.outbox_message (state, create_time)`,

  // Pairs of a state that the current revision lacks and the one that its chains are migrated to (R26).
  `alter table ${schema}.chain_type add column mapped_states json not null default '[]'`,

  // Places in the stream are given after the commit (R14; a counter in the commit would make all commits wait for each other).
  `alter table ${schema}.chain_event add column position bigint`,
  `create unique index one_event_per_position on ${schema}.chain_event (position) where position is not null`,
  `create index event_without_position on ${schema}.chain_event (chain_id, version) where position is null`,
  `create table ${schema}.event_head (
     -- Raised by the operator after a restore or a failover that lost commits: cursors of before are then refused.
     epoch bigint not null,
     position bigint not null,
     -- Positions up to this one may have been deleted by retention.
     pruned_position bigint not null default 0,
     only_row boolean primary key default true constraint event_head_is_one check (only_row)
   )`,
  `insert into ${schema}.event_head (epoch, position) values (1, 0)`,
];

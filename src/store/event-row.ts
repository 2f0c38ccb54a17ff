import type { Chain } from "../domain/chain.ts";
import type { ChainEvent, RecordedMove } from "../domain/chain-event.ts";
import type { Evaluation } from "../domain/evaluation.ts";
import type { JsonObject } from "../domain/json.ts";
import { pairFromResource, resourceFromPair } from "./chain-row.ts";
import type { Columns } from "./hot-statement.ts";

/** An event as the statements return it. */
export interface EventRow {
  readonly event_id: string;
  readonly chain_id: string;
  readonly kind: ChainEvent["kind"];
  readonly event_version: string;
  readonly transition: string | null;
  readonly from_state: string | null;
  readonly final_state: string | null;
  readonly revision: number | null;
  readonly evaluations: readonly StoredEvaluation[] | null;
  readonly context: JsonObject | null;
  readonly added_resources: readonly [string, string][] | null;
  readonly chain_after: ChainAfter | null;
  readonly event_next_update_time: Date | null;
  readonly requested_by: string;
  readonly request_id: string | null;
  readonly request_hash: string | null;
  readonly attempt_id: string | null;
  readonly reason: string;
  readonly event_time: Date;
  /** Only where it is asked for: an answer must not change by the place that its event is given afterwards (R13). */
  readonly event_position?: string | null;
}

/** JSON has no times. */
export type StoredEvaluation = Omit<Evaluation, "deferredUntil"> & { readonly deferredUntil?: string };

/** What of the chain after a move, or at its deletion, is in no other column of its event. */
export interface ChainAfter {
  readonly chainType: string;
  readonly resources: readonly [string, string][];
  readonly createTime: string;
  readonly disabled: boolean;
}

/** The columns of an EventRow for the event `e`. */
export const EVENT_COLUMNS = `
  e.id as event_id, e.chain_id, e.kind, e.version as event_version, e.transition, e.from_state, e.final_state, e.revision,
  e.evaluations, e.context, e.added_resources, e.chain_after, e.next_update_time as event_next_update_time,
  e.requested_by, e.request_id, e.request_hash, e.attempt_id, e.reason, e.event_time`;

/** Their types, in the same order. */
export const eventColumnTypes = {
  event_id: "uuid",
  chain_id: "uuid",
  kind: "text",
  event_version: "bigint",
  transition: "text",
  from_state: "text",
  final_state: "text",
  revision: "integer",
  evaluations: "json",
  context: "json",
  added_resources: "json",
  chain_after: "json",
  event_next_update_time: "timestamptz",
  requested_by: "text",
  request_id: "text",
  request_hash: "text",
  attempt_id: "uuid",
  reason: "text",
  event_time: "timestamptz",
} satisfies Columns & Record<Exclude<keyof EventRow, "event_position">, string>;

export function eventFromRow(row: EventRow): ChainEvent {
  return {
    id: row.event_id,
    chainId: row.chain_id,
    kind: row.kind,
    version: Number(row.event_version),
    transition: row.transition ?? undefined,
    fromState: row.from_state ?? undefined,
    finalState: row.final_state ?? undefined,
    revision: row.revision ?? undefined,
    evaluations: (row.evaluations ?? []).map(evaluationFromStored),
    context: row.context ?? undefined,
    addedResources: (row.added_resources ?? []).map(resourceFromPair),
    requestedBy: row.requested_by,
    requestId: row.request_id ?? undefined,
    attemptId: row.attempt_id ?? undefined,
    reason: row.reason,
    time: row.event_time,
    ...(row.event_position && { position: Number(row.event_position) }),
  };
}

export function recordedMoveFromRow(row: EventRow): RecordedMove {
  const event = eventFromRow(row);
  const after = row.chain_after;
  return {
    event,
    requestHash: row.request_hash ?? undefined,
    chainAfter: {
      id: event.chainId,
      chainType: after?.chainType ?? "",
      state: event.finalState ?? "",
      version: event.version,
      resources: (after?.resources ?? []).map(resourceFromPair),
      nextUpdateTime: row.event_next_update_time ?? undefined,
      disabled: after?.disabled ?? false,
      createTime: new Date(after?.createTime ?? 0),
      updateTime: event.time,
    },
  };
}

export function chainAfterOf({ chainType, resources, createTime, disabled }: Chain): ChainAfter {
  const mapped = resources.map(pairFromResource);
  return { chainType, resources: mapped, createTime: createTime.toISOString(), disabled };
}

export function evaluationFromStored({ deferredUntil, ...rest }: StoredEvaluation): Evaluation {
  return { ...rest, deferredUntil: deferredUntil === undefined ? undefined : new Date(deferredUntil) };
}

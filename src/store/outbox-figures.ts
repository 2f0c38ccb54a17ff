import type { Database } from "./database.ts";

/** How the outbox of the whole schema stands. */
export interface OutboxFigures {
  /** Counted up to 10,000. */
  readonly pending: number;
  /** Counted up to 10,000. */
  readonly dead: number;
  /** Of the oldest pending message; 0 if there is none. */
  readonly oldestPendingSeconds: number;
}

/** What is counted is read, so that there is an end to it. */
const COUNTED = 10_000;

export async function readOutboxFigures({ read, schema }: Database): Promise<OutboxFigures> {
  const count = (state: string) =>
    `(select count(*) from (select from ${schema}.outbox_message where state = '${state}' limit ${COUNTED}) counted)`;
  const [row] = await read<{ pending: string; dead: string; oldest: number }>(
    `select ${count("PENDING")} as pending, ${count("DEAD")} as dead,
       coalesce((
         select extract(epoch from clock_timestamp() - create_time)::double precision
         from ${schema}.outbox_message where state = 'PENDING' order by create_time limit 1
       ), 0) as oldest`,
    [],
  );
  return {
    pending: Number(row?.pending),
    dead: Number(row?.dead),
    oldestPendingSeconds: Math.max(Number(row?.oldest), 0),
  };
}

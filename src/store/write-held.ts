import type { Database } from "./database.ts";
import { batchOf, type HotStatement } from "./hot-statement.ts";

/** In a batch, a row that somebody else has locked is not waited for, so that it cannot hold up the others. */
export interface NotHeld {
  readonly kind: "not held";
}

/** A guard did not hold at that instant; what it was, a new statement tells. */
export interface Refused {
  readonly kind: "refused";
}

/** One write of one chain as its statement takes it: converted before it joins others, so that what cannot be converted harms only itself. */
export interface PreparedWrite {
  readonly chainId: string;
  /** JSON. */
  readonly row: string;
}

/** What such a statement tells of each row that it held, by the row's number in the batch. */
export interface HeldRow {
  readonly n: string;
}

/** Writes chains by one statement, which locks each first and then judges its guards. Results are in the order of the writes. */
export async function writeHeld<Row extends HeldRow, Result>(
  database: Database,
  statement: HotStatement,
  writes: readonly PreparedWrite[],
  resultOf: (row: Row, index: number) => Result | Refused,
): Promise<(Result | Refused | NotHeld)[]> {
  const rows = await database.query<Row>(statement.callIn(database.schema), [
    batchOf(writes.map(({ row }) => row)),
  ]);
  const results: (Result | Refused | NotHeld)[] = writes.map(() => ({ kind: "not held" }));
  for (const row of rows) {
    const index = Number(row.n) - 1;
    results[index] = resultOf(row, index);
  }
  return results;
}

/** By a statement that waits for whoever has locked the chain: what is not there to be locked has gone. */
export async function writeHeldAlone<Row extends HeldRow, Result>(
  database: Database,
  statement: HotStatement,
  write: PreparedWrite,
  resultOf: (row: Row, index: number) => Result | Refused,
): Promise<Result | Refused> {
  const [result] = await writeHeld<Row, Result>(database, statement, [write], resultOf);
  return result === undefined || isNotHeld(result) ? { kind: "refused" } : result;
}

export function isNotHeld(result: unknown): result is NotHeld {
  return (result as Partial<NotHeld>).kind === "not held";
}

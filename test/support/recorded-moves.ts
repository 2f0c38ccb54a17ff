import pg from "pg";
import { vi } from "vitest";

/** The moves that a sidecar has recorded, read behind its back. */
export interface RecordedMoves {
  count(): Promise<number>;
  ids(): Promise<string[]>;
  /** Waits until at least so many are there, and answers how many there are. */
  reach(count: number): Promise<number>;
  /** Changes the history of one chain, as no sidecar ever would. Answers the number of rows it changed. */
  tamper(assignment: string, condition: string): Promise<number>;
  close(): Promise<void>;
}

export async function recordedMoves(databaseUrl: string): Promise<RecordedMoves> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const ids = async () => {
    const { rows } = await client.query<{ id: string }>(
      "select id from dispatcher.chain_event where is_move",
    );
    return rows.map(({ id }) => id);
  };
  const count = async () => {
    // The table is there once the sidecar has made it.
    const { rows } = await client.query<{ there: boolean }>(
      "select to_regclass('dispatcher.chain_event') is not null as there",
    );
    return rows[0]?.there ? (await ids()).length : 0;
  };
  return {
    count,
    ids,
    async reach(wanted) {
      const check = async () => {
        const made = await count();
        if (made < wanted) throw new Error(`${made} moves were made, not ${wanted}`);
        return made;
      };
      return vi.waitFor(check, { timeout: 60_000, interval: 20 });
    },
    async tamper(assignment, condition) {
      const { rowCount } = await client.query(
        `update dispatcher.chain_event set ${assignment} where ${condition}`,
      );
      return rowCount ?? 0;
    },
    close: () => client.end(),
  };
}

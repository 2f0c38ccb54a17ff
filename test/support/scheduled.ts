import { randomUUID } from "node:crypto";
import pg from "pg";
import { expect } from "vitest";
import { LEASE_MS } from "../../src/domain/execute-limits.ts";
import type { Clients } from "./client.ts";
import { createTestDatabase } from "./database.ts";
import { checkInvariants } from "./invariants.ts";
import type { Sidecar } from "./sidecar.ts";

/** A database in which sidecars execute chains by themselves, seen from behind. */
export interface Scheduled {
  readonly databaseUrl: string;
  readonly database: pg.Pool;
  /** Makes a chain; `due` says that it needs nobody to go on: as if its creator had died and the lease were over. */
  makeChain(clients: Clients, chainType: string, options?: { readonly due: boolean }): Promise<string>;
  /** As if the lease on these chains were over. */
  endLease(...ids: readonly string[]): Promise<void>;
  /** The history, notes left out. */
  moves(id: string): Promise<MadeMove[]>;
  /** Resolves when the chain stands in that state, with its moves. */
  reaches(id: string, state: string): Promise<MadeMove[]>;
  /** When the chain wakes, in seconds from now; negative: it is due; null: it never does. */
  wakesIn(id: string): Promise<number | null>;
  /** Checks that what must always hold still does, and lets go. */
  end(): Promise<void>;
}

export interface MadeMove {
  readonly final_state: string;
  readonly requested_by: string;
  /** So many seconds after the move before it had become due; negative: too early. */
  readonly late: number | null;
}

export async function openScheduled(): Promise<Scheduled> {
  const databaseUrl = await createTestDatabase();
  const database = new pg.Pool({ connectionString: databaseUrl, max: 4 });

  const moves = async (id: string) => {
    const { rows } = await database.query<MadeMove>(
      `select final_state, requested_by, extract(epoch from event_time -
         lag(coalesce(next_update_time, event_time)) over (order by version))::double precision as late
       from dispatcher.chain_event where chain_id = $1 and is_move order by version`,
      [id],
    );
    return rows;
  };
  const endLease = async (...ids: readonly string[]) => {
    await database.query(
      "update dispatcher.chain set wake_time = wake_time - $2::interval where id = any($1)",
      [ids, `${LEASE_MS} milliseconds`],
    );
  };
  return {
    databaseUrl,
    database,
    async makeChain({ dispatcher }, chainType, { due } = { due: true }) {
      const key = { chainType, resources: [{ resourceType: "thing", resourceId: randomUUID() }] };
      const { chain } = await dispatcher.getOrCreateChain({ key });
      const id = chain?.id ?? "";
      if (due) await endLease(id);
      return id;
    },
    endLease,
    moves,
    async reaches(id, state) {
      await expect.poll(async () => (await moves(id)).at(-1)?.final_state).toBe(state);
      return moves(id);
    },
    async wakesIn(id) {
      const { rows } = await database.query<{ seconds: number | null }>(
        `select extract(epoch from wake_time - clock_timestamp())::double precision as seconds
         from dispatcher.chain where id = $1`,
        [id],
      );
      return rows[0]?.seconds ?? null;
    },
    async end() {
      await checkInvariants(databaseUrl, []);
      await database.end();
    },
  };
}

/** A type whose chains go from `new` through these states, each by a transition of its name, executed by sidecars. */
export function line(name: string, url: string, ...states: readonly string[]) {
  return {
    name,
    validator: { url, timeout: { seconds: 20n } },
    autoExecute: {},
    transitions: states.map((state) => ({ name: state, finalState: state })),
    states: states.map((state, index) => ({ name: states[index - 1] ?? "new", transitions: [state] })),
  };
}

/** How many Executes a sidecar's own scheduler made, by outcome. */
export async function executesOf({ operations }: Sidecar): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`http://${operations}/metrics`)).text();
  const found = text.matchAll(/^dispatcher_scheduler_executes_total\{outcome="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries([...found].map(([, outcome, count]) => [outcome, Number(count)]));
}

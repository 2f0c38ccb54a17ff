import pg from "pg";
import { expect } from "vitest";
import { chainKey } from "../../src/domain/chain-key.ts";
import { type ChainType, transitionsFrom } from "../../src/domain/chain-type.ts";
import type { Evaluation } from "../../src/domain/evaluation.ts";

/** One definite answer that a client got, with when it asked and when it was told. */
export interface Observation {
  readonly chainId: string;
  readonly requestId?: string;
  readonly eventId?: string;
  readonly version: number;
}

interface MoveRow {
  readonly id: string;
  readonly chain_id: string;
  readonly version: string;
  readonly transition: string | null;
  readonly from_state: string;
  readonly final_state: string;
  readonly revision: number;
  readonly evaluations: Evaluation[] | null;
  readonly request_id: string | null;
}

/**
 * Checks, from the database alone and what the clients were told, what must hold after any load and any fault: one chain per
 * key, histories without gaps that fold to the state (from where retention has cut them), every move legal under the revision that it names, one move per request
 * id, and no answer about a move that is not in the history.
 */
export async function checkInvariants(
  databaseUrl: string,
  observed: readonly Observation[],
): Promise<{ moves: number }> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const chains = await client.query<{
      id: string;
      chain_type: string;
      key: Buffer;
      state: string;
      version: string;
      pruned_version: string;
      resources: [string, string][];
    }>(
      `select c.*, (select json_agg(json_build_array(resource_type, resource_id)) from dispatcher.chain_resource r where r.chain_id = c.id) as resources
       from dispatcher.chain c`,
    );
    const moves = await client.query<MoveRow>(
      "select * from dispatcher.chain_event where is_move order by chain_id, version",
    );
    const revisions = await client.query<{ chain_type: string; revision: number; definition: ChainType }>(
      "select chain_type, revision, definition from dispatcher.chain_type_revision",
    );
    const definitions = new Map(
      revisions.rows.map(({ chain_type, revision, definition }) => [`${chain_type}@${revision}`, definition]),
    );
    const byChain = Map.groupBy(moves.rows, (move) => move.chain_id);

    for (const chain of chains.rows) {
      const mappings = chain.resources.map(([resourceType, resourceId]) => ({ resourceType, resourceId }));
      expect(chain.key).toEqual(chainKey(chain.chain_type, mappings));
      const history = byChain.get(chain.id) ?? [];
      // Retention has deleted the moves up to here, and with them the state that they led to.
      const pruned = Number(chain.pruned_version);
      let state = pruned === 0 ? "new" : (history[0]?.from_state ?? chain.state);
      history.forEach((move, index) => {
        expect(Number(move.version), `versions of ${chain.id}`).toBe(pruned + index + 1);
        expect(move.from_state, `continuity of ${chain.id}`).toBe(state);
        if (move.transition !== null)
          checkLegal(move, definitions.get(`${chain.chain_type}@${move.revision}`));
        state = move.final_state;
      });
      expect([chain.state, Number(chain.version)], `fold of ${chain.id}`).toEqual([
        state,
        pruned + history.length,
      ]);
    }
    expect(new Set(chains.rows.map(({ key }) => key.toString("hex"))).size).toBe(chains.rows.length);
    checkObserved(moves.rows, observed);
    return { moves: moves.rows.length };
  } finally {
    await client.end();
  }
}

/** The transition leaves that state in its revision, it was found valid, and none before it was. */
function checkLegal(move: MoveRow, definition: ChainType | undefined): void {
  expect(definition, `revision ${move.revision} of ${move.chain_id}`).toBeDefined();
  if (!definition) return;
  const order = transitionsFrom(definition, move.from_state);
  const place = order.findIndex(({ name }) => name === move.transition);
  expect(order[place]?.finalState, `legality of ${move.id}`).toBe(move.final_state);
  const verdicts = move.evaluations ?? [];
  expect(verdicts.map(({ transition }) => transition)).toEqual(
    order.slice(0, place + 1).map(({ name }) => name),
  );
  verdicts.forEach(({ verdict }, index) => {
    const onError = order[index]?.onError;
    if (index === place) expect(verdict).toBe("VALID");
    else expect(verdict === "INVALID" || (verdict === "ERROR" && onError === "SKIP")).toBe(true);
  });
}

function checkObserved(moves: readonly MoveRow[], observed: readonly Observation[]): void {
  const byId = new Map(moves.map((move) => [move.id, move]));
  const byRequest = new Map<string, string>();
  for (const move of moves) {
    if (move.request_id === null) continue;
    const request = `${move.chain_id} ${move.request_id}`;
    expect(byRequest.get(request), `moves of request ${request}`).toBeUndefined();
    byRequest.set(request, move.id);
  }
  for (const { chainId, requestId, eventId, version } of observed) {
    if (eventId === undefined) continue;
    const move = byId.get(eventId);
    expect(move, `event ${eventId} that a client was told of`).toBeDefined();
    expect([move?.chain_id, Number(move?.version)]).toEqual([chainId, version]);
    if (requestId) expect(byRequest.get(`${chainId} ${requestId}`)).toBe(eventId);
  }
}

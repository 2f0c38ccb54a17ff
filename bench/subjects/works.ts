import { setTimeout } from "node:timers/promises";
import type pg from "pg";
import {
  EXECUTE_PATH,
  executeRequest,
  GET_OR_CREATE_PATH,
  getOrCreateRequest,
  times,
} from "../stage/requests.ts";
import { createChains, fillWithChains, verifyMoves } from "./chains.ts";
import { orderType, type Work } from "./work.ts";

/** One step of a new chain each. */
export const executeWork = executeWorkFor(orderType.name);

/** The same with a chain type of this name. */
export function executeWorkFor(name: string): Work {
  return {
    path: EXECUTE_PATH,
    chainType: { ...orderType, name },
    async prepare(client, operations) {
      const { ids } = await createChains(client, name, operations);
      return ids.map((id) => executeRequest(id));
    },
    fill: (client, chains) => (chains > 0 ? fillWithChains(client, name, chains) : Promise.resolve()),
    verify: verifyMoves,
  };
}

/** Three validators say no before the one that says yes. */
export function threeBefore(evaluation: "SEQUENTIAL" | "PARALLEL"): Work {
  const refused = times(3, (index) => ({ name: `no-${index}`, finalState: "lost" }));
  return {
    ...executeWork,
    chainType: {
      ...orderType,
      evaluation: `EVALUATION_MODE_${evaluation}`,
      transitions: [...refused, ...orderType.transitions],
      states: [{ name: "new", transitions: [...refused.map(({ name }) => name), "send"] }],
    },
  };
}

/** Nobody says yes: nothing moves, and each chain keeps its last attempt. */
export const noValidTransitionWork: Work = {
  ...executeWork,
  chainType: {
    ...orderType,
    transitions: [{ name: "no", finalState: "sent" }],
    states: [{ name: "new", transitions: ["no"] }],
  },
  async verify(client, answered) {
    await verifyMoves(client, 0);
    await reaches(client, "select count(*)::int as count from dispatcher.chain_attempt", answered);
  },
};

export const dryRunWork: Work = {
  ...executeWork,
  async prepare(client, operations) {
    const { ids } = await createChains(client, orderType.name, operations);
    return ids.map((id) => executeRequest(id, { dryRun: true }));
  },
  async check(client, sidecar) {
    const { ids } = await createChains(client, orderType.name, 1);
    const answer = (await sidecar.call("DispatcherService/Execute", {
      chain: { id: ids[0] },
      dryRun: true,
    })) as { outcome?: string };
    if (answer.outcome !== "OUTCOME_WOULD_TRANSITION")
      throw new Error(`a dry run answers ${JSON.stringify(answer)}`);
  },
  async verify(client) {
    await verifyMoves(client, 0);
    await reaches(client, "select count(*)::int as count from dispatcher.chain_attempt", 0);
  },
};

/** Chains that are there. */
export const hitWork: Work = {
  ...executeWork,
  path: GET_OR_CREATE_PATH,
  async prepare(client, operations) {
    const { resourceIds } = await createChains(client, orderType.name, operations);
    return resourceIds.map((resourceId) => getOrCreateRequest(orderType.name, resourceId));
  },
  // A call that created its chain would have made one more.
  verify: (client, answered) =>
    reaches(client, "select count(*)::int as count from dispatcher.chain", answered),
};

let missing = 0;

/** Chains that are not there yet. */
export const missWork: Work = {
  ...executeWork,
  path: GET_OR_CREATE_PATH,
  prepare: async (_, operations) =>
    times(operations, () => getOrCreateRequest(orderType.name, `miss-${missing++}`)),
  verify: (client, answered) =>
    reaches(client, "select count(*)::int as count from dispatcher.chain", answered),
};

const PATIENCE_MS = 5_000;

/** What is written behind is there in a moment. */
export async function reaches(
  client: pg.Client,
  count: string,
  wanted: number,
  withinMs = PATIENCE_MS,
): Promise<void> {
  const until = performance.now() + withinMs;
  for (;;) {
    const { rows } = await client.query<{ count: number }>(count);
    const found = rows[0]?.count;
    if (found === wanted) return;
    if (performance.now() > until) throw new Error(`${wanted} answered, ${found} kept (${count})`);
    await setTimeout(50);
  }
}

import { executeRequest } from "../stage/requests.ts";
import { createChains, verifyMoves } from "./chains.ts";
import { orderType, type Work } from "./work.ts";
import { executeWork, reaches } from "./works.ts";

/** All that was committed is delivered in the end, however long the outbox needs after the last call. */
const DELIVERED_WITHIN_MS = 120_000;

/** One step with a callback, which is called before the chain moves or from the outbox. */
export function effectWork(mode: "BEFORE_COMMIT" | "AFTER_COMMIT"): Work {
  return {
    ...executeWork,
    async verify(client, answered) {
      await verifyMoves(client, answered);
      const delivered =
        "select count(*)::int as count from dispatcher.outbox_message where state = 'DELIVERED' and attempts = 1";
      await reaches(client, delivered, mode === "AFTER_COMMIT" ? answered : 0, DELIVERED_WITHIN_MS);
      await reaches(client, "select count(*)::int as count from dispatcher.chain_claim", 0);
    },
  };
}

/** The right to take a step, instead of the step. */
export const claimWork: Work = {
  ...executeWork,
  async prepare(client, operations) {
    const { ids } = await createChains(client, orderType.name, operations);
    return ids.map((id) => executeRequest(id, { claim: true }));
  },
  async verify(client, answered) {
    await verifyMoves(client, 0);
    const claimed =
      "select count(*)::int as count from dispatcher.chain c join dispatcher.chain_claim k using (claim_id)";
    await reaches(client, claimed, answered);
  },
};

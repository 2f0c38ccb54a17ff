import { compare } from "../measure/compare.ts";
import { startChildServer } from "../stage/child-server.ts";
import { dispatcher } from "../subjects/dispatcher.ts";
import { claimWork, effectWork } from "../subjects/effect-works.ts";
import { executeWork } from "../subjects/works.ts";
import type { FigureDefinition } from "./figure.ts";

/** What an effect adds to a step. */
export const effects: FigureDefinition = {
  name: "effects",
  what: "one step without an effect, with a callback before or after the commit, and a claim instead of the step",
  async measure({ stage, effort, tell }) {
    const receiver = await startChildServer("stage/callback-process.ts");
    try {
      const callback = { url: `grpc://127.0.0.1:${receiver.port}` };
      const before = { work: effectWork("BEFORE_COMMIT"), callback: { ...callback, mode: "BEFORE_COMMIT" } };
      const after = { work: effectWork("AFTER_COMMIT"), callback: { ...callback, mode: "AFTER_COMMIT" } };
      const figure = await compare(
        {
          name: "effects",
          title: "Execute: without an effect, with a callback, and under a claim",
          entrants: [
            { name: "execute", work: executeWork },
            { name: "before_commit", ...before },
            { name: "after_commit", ...after },
            { name: "claim", work: claimWork },
          ].map((options) => ({ subject: dispatcher(options), concurrencies: [64] })),
        },
        stage,
        effort,
        tell,
      );
      return { figures: [figure] };
    } finally {
      await receiver.stop();
    }
  },
};

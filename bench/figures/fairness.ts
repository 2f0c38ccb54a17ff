import { compare } from "../measure/compare.ts";
import { startChildServer } from "../stage/child-server.ts";
import { dispatcher } from "../subjects/dispatcher.ts";
import { executeWork, executeWorkFor } from "../subjects/works.ts";
import type { FigureDefinition } from "./figure.ts";

const SLOW_SECONDS = 1;
const SLOW_CALLERS = 32;

/** What one slow validator costs those whose chains ask another one. */
export const fairness: FigureDefinition = {
  name: "fairness",
  what: `one step by one validator, alone and beside ${SLOW_CALLERS} that wait for another chain type's slow validator`,
  async measure({ stage, effort, tell }) {
    // A shorter round might meet none of the slow answers.
    const seconds = Math.max(effort.seconds, SLOW_SECONDS);
    const slow = await startChildServer("stage/validator-process.ts", `${SLOW_SECONDS * 1000}`);
    try {
      const background = {
        work: executeWorkFor("slow-order"),
        validatorUrl: `grpc://127.0.0.1:${slow.port}`,
        concurrency: SLOW_CALLERS,
        // For a minute, and three times as long as both entrants' rounds take.
        operations: (SLOW_CALLERS / SLOW_SECONDS) * (60 + 3 * 2 * effort.rounds * seconds),
      };
      const besides = { name: "dispatcher beside a slow validator", work: executeWork, background };
      const figure = await compare(
        {
          name: "fairness",
          title: `Execute: alone, and beside ${SLOW_CALLERS} Executes whose validator takes ${SLOW_SECONDS} s`,
          entrants: [
            { subject: dispatcher({ work: executeWork }), concurrencies: [64] },
            { subject: dispatcher(besides), concurrencies: [64] },
          ],
        },
        stage,
        { ...effort, seconds },
        tell,
      );
      return { figures: [figure] };
    } finally {
      await slow.stop();
    }
  },
};

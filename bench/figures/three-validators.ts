import { compare } from "../measure/compare.ts";
import type { Figure } from "../measure/sample.ts";
import { startChildServer } from "../stage/child-server.ts";
import { dispatcher } from "../subjects/dispatcher.ts";
import { relay } from "../subjects/relay.ts";
import { threeBefore } from "../subjects/works.ts";
import type { FigureDefinition } from "./figure.ts";

/** Three say no before the one that says yes: in order, or all at once; at once, or after 5 ms. */
export const threeValidators: FigureDefinition = {
  name: "three_validators",
  what: "three validators that say no before the valid one, in order and in parallel, at once and after 5 ms",
  async measure({ stage, effort, quick, tell }) {
    const figures: Figure[] = [];
    for (const delayMs of quick ? [5] : [0, 5]) {
      const validator = await startChildServer("stage/validator-process.ts", `${delayMs}`);
      const slower = {
        ...stage,
        validatorUrl: `grpc://127.0.0.1:${validator.port}`,
        processes: { ...stage.processes, validator: [validator.pid] },
      };
      try {
        for (const order of quick ? (["parallel"] as const) : (["sequential", "parallel"] as const)) {
          const work = threeBefore(order === "sequential" ? "SEQUENTIAL" : "PARALLEL");
          figures.push(
            await compare(
              {
                name: `three_validators_${order}_${delayMs}ms`,
                title: `Execute: three validators say no first, ${order}, each after ${delayMs} ms`,
                entrants: [
                  { subject: dispatcher({ work }), concurrencies: [64] },
                  { subject: relay(3, order), concurrencies: [64] },
                ],
              },
              slower,
              effort,
              tell,
            ),
          );
        }
      } finally {
        await validator.stop();
      }
    }
    return { figures };
  },
};

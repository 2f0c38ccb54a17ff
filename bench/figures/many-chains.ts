import { compare } from "../measure/compare.ts";
import { dispatcher } from "../subjects/dispatcher.ts";
import { executeWork } from "../subjects/works.ts";
import type { FigureDefinition } from "./figure.ts";

const name = (chains: number) =>
  chains >= 1_000_000 ? `${chains / 1_000_000} million chains` : `${chains / 1_000} thousand chains`;

/** Whether a step gets slower as the database fills. */
export const manyChains: FigureDefinition = {
  name: "many_chains",
  what: "Execute with 10 thousand, 1 million and 5 million chains in the database",
  async measure({ stage, effort, quick, tell }) {
    // So many that they could tell take longer to make than the whole of a first look.
    if (quick) return {};
    const sizes = [10_000, 1_000_000, 5_000_000];
    const figure = await compare(
      {
        name: "many_chains",
        title: "Execute: chains in the database",
        entrants: sizes.map((otherChains) => ({
          subject: dispatcher({ name: name(otherChains), work: executeWork, otherChains }),
          concurrencies: [64],
        })),
      },
      stage,
      effort,
      tell,
    );
    return { figures: [figure] };
  },
};

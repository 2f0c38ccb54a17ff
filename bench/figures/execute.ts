import { compare } from "../measure/compare.ts";
import { dbos } from "../subjects/dbos.ts";
import { dispatcher } from "../subjects/dispatcher.ts";
import { floor } from "../subjects/floor.ts";
import { pgbench } from "../subjects/pgbench.ts";
import { relay } from "../subjects/relay.ts";
import { restate } from "../subjects/restate.ts";
import { executeWork } from "../subjects/works.ts";
import type { FigureDefinition } from "./figure.ts";

/** The main figure: one durable, validated step of a chain, beside what else it could be done with. */
export const execute: FigureDefinition = {
  name: "execute",
  what: "one step of a chain by one validator, beside relay, pgbench, floor, Restate and DBOS",
  async measure({ stage, effort, quick, tell }) {
    const all = [1, 16, 64, 256];
    // In short, whoever is beside the sidecar has those numbers of callers that a ratio takes.
    const inShort = (...few: readonly number[]) => (quick ? few : all);
    const figure = await compare(
      {
        name: "execute",
        title: "Execute: one durable step, one validator",
        entrants: [
          { subject: dispatcher({ work: executeWork }), concurrencies: inShort(1, 64, 256) },
          { subject: dispatcher({ mode: "direct", work: executeWork }), concurrencies: inShort(1, 64) },
          { subject: relay(), concurrencies: inShort(64) },
          { subject: floor, concurrencies: inShort(1) },
          { subject: pgbench, concurrencies: quick ? [4, 16] : [4, 16, 64] },
          { subject: restate, concurrencies: inShort(64) },
          { subject: dbos, concurrencies: inShort(64) },
        ],
      },
      stage,
      effort,
      tell,
    );
    return { figures: [figure] };
  },
};

import { randomUUID } from "node:crypto";
import { compare } from "../measure/compare.ts";
import type { Figure } from "../measure/sample.ts";
import { EXECUTE_PATH, executeRequest, GET_OR_CREATE_PATH, getOrCreateRequest } from "../stage/requests.ts";
import { dispatcher } from "../subjects/dispatcher.ts";
import { echo } from "../subjects/relay.ts";
import type { Work } from "../subjects/work.ts";
import { dryRunWork, hitWork, missWork, noValidTransitionWork } from "../subjects/works.ts";
import type { FigureDefinition } from "./figure.ts";

const asked = (index: number) => getOrCreateRequest("order", `${index}`);
const executed = () => executeRequest(randomUUID());

const calls: readonly {
  readonly name: string;
  readonly title: string;
  readonly work: Work;
  readonly path: string;
  readonly request: (index: number) => Uint8Array;
}[] = [
  {
    name: "get_or_create_hit",
    title: "GetOrCreateChain: the chain is there",
    work: hitWork,
    path: GET_OR_CREATE_PATH,
    request: asked,
  },
  {
    name: "get_or_create_miss",
    title: "GetOrCreateChain: the chain is created",
    work: missWork,
    path: GET_OR_CREATE_PATH,
    request: asked,
  },
  {
    name: "no_valid_transition",
    title: "Execute: the validator says no, and the attempt is kept",
    work: noValidTransitionWork,
    path: EXECUTE_PATH,
    request: executed,
  },
  {
    name: "dry_run",
    title: "Execute: dry run",
    work: dryRunWork,
    path: EXECUTE_PATH,
    request: executed,
  },
];

/** Calls that take no step, beside a server that answers at once. */
export const noStep: FigureDefinition = {
  name: "no_step",
  what: "GetOrCreateChain hit and miss, NO_VALID_TRANSITION and dry run, beside an echo",
  async measure({ stage, effort, quick, tell }) {
    const figures: Figure[] = [];
    for (const [index, { name, title, work, path, request }] of calls.entries()) {
      const entrants = [{ subject: dispatcher({ work }), concurrencies: [64] }];
      // An echo is as fast whatever it is asked: in short it is measured once, where a ratio takes it.
      if (!quick || index === 0) entrants.push({ subject: echo(path, request), concurrencies: [64] });
      figures.push(await compare({ name, title, entrants }, stage, effort, tell));
    }
    return { figures };
  },
};

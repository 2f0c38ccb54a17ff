import { basename } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChainTypeSchema } from "../../gen/ts/dispatcher/v1/chain_type_pb.ts";
import type { Survey } from "./survey-log.ts";

/**
 * The chain type of a log: a state per activity, and to each state one transition of its name, which leaves every state that it
 * directly follows. The transitions of a state are in the order of how often they follow it, those as frequent by name.
 */
export function deriveChainType(
  name: string,
  { follows }: Survey,
): MessageInitShape<typeof ChainTypeSchema> & object {
  const targets = new Set([...follows.values()].flatMap((exits) => [...exits.keys()]));
  return {
    name,
    transitions: [...targets].map((target) => ({ name: target, finalState: target })),
    states: [...follows].map(([state, exits]) => ({ name: state, transitions: byFrequency(exits) })),
  };
}

function byFrequency(exits: ReadonlyMap<string, number>): string[] {
  return [...exits]
    .sort(([name, count], [otherName, otherCount]) => otherCount - count || (name < otherName ? -1 : 1))
    .map(([name]) => name);
}

/** The same at each replay of a log, and different for different logs: no log is taken for a new revision of another. */
export function chainTypeName(path: string, digest: string): string {
  const stem = basename(path)
    .replace(/(\.xes)?(\.gz)?$/i, "")
    .replace(/[^\w.-]+/g, "-")
    .slice(0, 100);
  return `${stem || "log"}-${digest.slice(0, 12)}`;
}

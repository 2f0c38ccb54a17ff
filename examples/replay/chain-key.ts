import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChainRefSchema } from "../../gen/ts/dispatcher/v1/chain_pb.ts";
import type { LogCase } from "./log-case.ts";

/** One replay of one log into one sidecar. */
export interface Run {
  /** Keeps the chains of two replays of the same log apart. */
  readonly id: string;
  readonly chainType: string;
}

export const TRACE_RESOURCE = "trace";

/**
 * How the chain of a case is found. The run and the trace alone name it; the case's own name is added so that a person can look
 * for it.
 */
export function chainOf(run: Run, { trace, name }: LogCase) {
  const resources = [
    { resourceType: "replay", resourceId: run.id },
    { resourceType: TRACE_RESOURCE, resourceId: String(trace) },
    ...(name === undefined ? [] : [{ resourceType: "case", resourceId: name }]),
  ];
  return {
    value: { case: "key", value: { chainType: run.chainType, resources } },
  } satisfies MessageInitShape<typeof ChainRefSchema>;
}

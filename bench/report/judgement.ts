import { type Report, type Target, targets } from "./report.ts";

export interface Judgement {
  readonly name: string;
  readonly target: Target;
  /** Undefined if this run did not measure what it takes. */
  readonly found: number | undefined;
  readonly met: boolean | undefined;
}

/** Each target, and whether this run met it. */
export function judge({ ratios }: Pick<Report, "ratios">): Judgement[] {
  return Object.entries(targets).map(([name, target]) => {
    const found = ratios[name];
    return { name, target, found, met: found === undefined ? undefined : meets(found, target) };
  });
}

function meets(
  found: number,
  { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY }: Target,
) {
  return found >= atLeast && found <= atMost;
}

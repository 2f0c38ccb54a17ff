import type { Effort } from "../measure/compare.ts";
import type { Figure, Scalar } from "../measure/sample.ts";
import type { OpenStage } from "../stage/stage.ts";

/** What one figure needs, and where it tells how it goes. */
export interface FigureContext {
  readonly stage: OpenStage;
  readonly effort: Effort;
  readonly quick: boolean;
  readonly tell: (line: string) => void;
}

export interface FigureResult {
  readonly figures?: readonly Figure[];
  readonly scalars?: readonly Scalar[];
}

/** Something to measure, by its name in `--only`. */
export interface FigureDefinition {
  readonly name: string;
  readonly what: string;
  measure(context: FigureContext): Promise<FigureResult>;
}

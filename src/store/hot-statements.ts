import { keepAttemptsStatements } from "./attempts.ts";
import { commitMoveAloneStatement, commitMovesStatement } from "./commit-moves.ts";
import { createChainsStatement } from "./create-chains.ts";
import { finishDeliveriesStatement } from "./finish-deliveries.ts";
import type { HotStatement } from "./hot-statement.ts";
import { readChainsStatement } from "./read-chains.ts";
import { takeClaimAloneStatement, takeClaimsStatement } from "./take-claims.ts";
import { takeDeliveriesStatement } from "./take-deliveries.ts";
import { takeDueStatement } from "./take-due.ts";

/** All that this version calls. Those of other versions stay in the schema, for the sidecars that still run them. */
export const hotStatements: readonly HotStatement[] = [
  readChainsStatement,
  createChainsStatement,
  commitMovesStatement,
  commitMoveAloneStatement,
  takeClaimsStatement,
  takeClaimAloneStatement,
  takeDueStatement,
  takeDeliveriesStatement,
  finishDeliveriesStatement,
  ...Object.values(keepAttemptsStatements),
];

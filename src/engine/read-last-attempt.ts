import type { Attempt } from "../domain/attempt.ts";
import type { Chain } from "../domain/chain.ts";
import { readAttempt } from "../store/attempts.ts";
import type { Database } from "../store/database.ts";

/** The last attempt that judged the chain in its present version and did not move it. */
export function readLastAttempt(database: Database, { id }: Chain): Promise<Attempt | undefined> {
  return readAttempt(database, id);
}

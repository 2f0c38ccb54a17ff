import type { ChainTypeRevision } from "../domain/chain-type.ts";
import { Refusal } from "../domain/refusal.ts";
import type { Database } from "../store/database.ts";
import { readRevision as read } from "../store/registry-store.ts";

/** One revision of a chain type, current or not. */
export async function readRevision(
  database: Database,
  name: string,
  revision: number,
): Promise<ChainTypeRevision> {
  // Revisions are numbered as 32-bit integers; nothing beyond exists.
  const found = revision <= 0x7fffffff ? await read(database, name, revision) : undefined;
  if (found) return found;
  throw new Refusal("CHAIN_TYPE_NOT_FOUND", `Chain type "${name}" has no revision ${revision}.`, {
    metadata: { chain_type: name, revision: String(revision) },
  });
}

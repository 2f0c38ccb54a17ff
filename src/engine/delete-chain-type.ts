import { Refusal } from "../domain/refusal.ts";
import type { Database } from "../store/database.ts";
import { register } from "../store/registry-store.ts";
import type { Registry } from "./registry.ts";

const MOST_COUNTED = 10_000;

/** Removes a chain type that has no chains, with its revisions and endpoints. */
export async function deleteChainType(database: Database, registry: Registry, name: string): Promise<void> {
  await register(database, async (registration) => {
    await registration.lock();
    const chains = await registration.countChains(name, undefined, MOST_COUNTED);
    if (chains > 0) {
      throw new Refusal(
        "CHAIN_TYPE_IN_USE",
        `Chain type "${name}" still has ${chains >= MOST_COUNTED ? "at least " : ""}${chains} chains. Delete them first.`,
        { metadata: { chain_type: name, chains: String(chains) } },
      );
    }
    if (!(await registration.deleteChainType(name))) {
      throw new Refusal("CHAIN_TYPE_NOT_FOUND", `There is no chain type "${name}".`, {
        metadata: { chain_type: name },
      });
    }
    await registration.raiseVersion();
  });
  await registry.refreshSoon();
}

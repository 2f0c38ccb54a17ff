import type { Registry } from "../engine/registry.ts";
import { type Loop, startLoop } from "./loop.ts";

/** Half of the second within which every replica acts on a new revision (R28). */
const INTERVAL_MS = 500;

/** Follows the registry; its every look also tells whether the database can be reached. */
export function startRegistryRefresh(
  registry: Registry,
  observe: { readonly onLook: (error: unknown) => void },
): Loop {
  const runOnce = async () => {
    await registry.refresh();
    observe.onLook(undefined);
  };
  return startLoop(runOnce, { intervalMs: INTERVAL_MS, onError: observe.onLook });
}

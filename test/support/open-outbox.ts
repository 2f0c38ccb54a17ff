import type { AttemptResult } from "../../src/engine/deliver.ts";
import { Registry } from "../../src/engine/registry.ts";
import { createCallbackClient } from "../../src/outbound/callback-client.ts";
import { createChainStore } from "../../src/store/chain-store.ts";
import type { Database } from "../../src/store/database.ts";
import { Outbox, type OutboxParts, type OutboxRun } from "../../src/workers/outbox.ts";

/** The outbox of one sidecar, which runs when it is told to. */
export interface OpenOutbox {
  readonly outbox: Outbox;
  readonly parts: OutboxParts;
  /** How its attempts ended, in that order. */
  readonly results: AttemptResult[];
  /** How often it has said that there is something to take. */
  dues(): number;
  /** Registers where callbacks are, at this sidecar alone; of all transitions, if none is named. */
  callbackAt(url: string, more?: { readonly transition?: string; readonly timeoutMs?: number }): void;
  /** One run, with all the attempts that it began. */
  run(): Promise<OutboxRun>;
  close(): Promise<void>;
}

export async function openOutbox(database: Database): Promise<OpenOutbox> {
  const registry = new Registry(database);
  await registry.refresh();
  const callbacks = createCallbackClient();
  const results: AttemptResult[] = [];
  const errors: unknown[] = [];
  const parts: OutboxParts = {
    store: createChainStore(database, 128),
    registry,
    callbacks,
    observe: { onAttempt: (result) => results.push(result), onError: (error) => errors.push(error) },
  };
  let dues = 0;
  const outbox = new Outbox(parts, () => {
    dues += 1;
  });
  return {
    outbox,
    parts,
    results,
    dues: () => dues,
    callbackAt(url, { transition = "", timeoutMs } = {}) {
      registry.callbacks.putLocal("order", [transition], {
        endpoint: { url, timeoutMs },
        mode: "AFTER_COMMIT",
      });
    },
    async run() {
      const run = await outbox.runOnce();
      await outbox.settled();
      if (errors.length > 0) throw errors[0];
      return run;
    },
    async close() {
      await outbox.end(0);
      await callbacks.close();
    },
  };
}

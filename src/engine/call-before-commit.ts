import type { Callback, ChainTypeRevision } from "../domain/chain-type.ts";
import type { ClaimedTransition } from "../domain/claim.ts";
import type { DecidedTransition } from "../domain/decided-transition.ts";
import { CALLBACK_CLAIM_MS } from "../domain/execute-limits.ts";
import { Refusal } from "../domain/refusal.ts";
import { upkeepIn } from "../domain/upkeep.ts";
import { effectToBytes } from "../outbound/effect.ts";
import { endClaim } from "../store/end-claim.ts";
import { commitMove } from "./commit-move.ts";
import type { ExecuteLimits, ExecuteParts } from "./execute-command.ts";
import { type ExecuteResult, resultOfMove } from "./execute-result.ts";
import { claimExpired } from "./lost-guard.ts";
import { effectOf, prepareMove } from "./prepare-move.ts";
import { settle } from "./settle.ts";
import { takeClaim } from "./take-claim.ts";

/** Of a BEFORE_COMMIT callback that names none. */
export const BEFORE_COMMIT_TIMEOUT_MS = 5_000;

/** Why a decided transition was not taken, with which the chain is still the one that was judged. */
export type NotTaken =
  | { readonly kind: "callback failed"; readonly reason: string }
  | { readonly kind: "stop"; readonly refusal: Refusal };

/**
 * Takes a claim, calls the callback, and moves the chain under the claim (R16). From the claim on it no longer hangs on its
 * caller, since an effect that is under way is to be completed.
 */
export async function callBeforeCommit(
  parts: ExecuteParts,
  { chainType }: ChainTypeRevision,
  decided: DecidedTransition,
  callback: Callback,
  limits: ExecuteLimits,
): Promise<ExecuteResult | NotTaken> {
  const timeoutMs = callback.endpoint.timeoutMs ?? BEFORE_COMMIT_TIMEOUT_MS;
  const tooLittle = tooLittleTime(decided, timeoutMs, limits);
  if (tooLittle) return { kind: "stop", refusal: tooLittle };
  const { wakes } = upkeepIn(chainType, decided.chain.state);
  const beganMs = performance.now();
  const taken = await takeClaim(parts.store, decided, { termMs: CALLBACK_CLAIM_MS, wakes, adopts: false });
  if (taken.kind === "moved") return resultOfMove(taken.move);
  const { held } = taken;
  // Whoever was stopped for so long may have been taken over, and the other one be calling.
  if (performance.now() - beganMs + timeoutMs > CALLBACK_CLAIM_MS) throw claimExpired(decided.chain.id);
  const delivered = await parts.callbacks.deliver(
    callback.endpoint,
    { body: effectToBytes(effectOf(decided)), fencingToken: held.claim.fencingToken },
    { signal: new AbortController().signal, defaultTimeoutMs: timeoutMs, attempt: 1 },
  );
  switch (delivered.kind) {
    case "done": {
      const move = prepareMove(parts.registry, chainType, decided, held.claim.id);
      return resultOfMove(await commitMove(parts, move));
    }
    case "failed":
      await release(parts, held, delivered.message);
      return { kind: "callback failed", reason: delivered.message };
    case "unanswered":
      throw unanswered(decided, delivered.message);
  }
}

/** Nothing is begun that its caller cannot see the end of. */
function tooLittleTime(
  { chain, transition }: DecidedTransition,
  timeoutMs: number,
  { deadlineMs = Number.POSITIVE_INFINITY }: ExecuteLimits,
): Refusal | undefined {
  if (deadlineMs - performance.now() >= timeoutMs) return undefined;
  return new Refusal(
    "DEADLINE_EXCEEDED",
    `The caller's deadline leaves less than the ${timeoutMs} ms that the callback of "${transition}" may take; it was not called, and chain ${chain.id} did not move. ` +
      "Allow more time than the validators' and the callback's timeouts together.",
    { metadata: { chain_id: chain.id, transition, callback_timeout_ms: String(timeoutMs) } },
  );
}

/** A claim that cannot be given up now expires by itself; its caller is told of the callback all the same. */
async function release(
  { store }: ExecuteParts,
  { claim, decided }: ClaimedTransition,
  reason: string,
): Promise<void> {
  const end = { chainId: decided.chain.id, claimId: claim.id, kind: "CALLBACK_FAILED" as const, reason };
  await settle({
    write: async () => {
      await endClaim(store.database, end);
      return true;
    },
    check: async () => undefined,
  }).catch((error: unknown) => {
    if (!(error instanceof Refusal)) throw error;
  });
}

function unanswered({ chain, transition }: DecidedTransition, problem: string): Refusal {
  return new Refusal(
    "CALLBACK_UNANSWERED",
    `Callback of transition "${transition}" gave no answer: ${problem}. Whether it was carried out is not known. Chain ${chain.id} did not move; when its claim expires, the callback is called again under the same delivery id.`,
    { metadata: { chain_id: chain.id, transition, error: problem }, retryAfterMs: CALLBACK_CLAIM_MS },
  );
}

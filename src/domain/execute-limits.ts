/** The longest that one Execute may take, whatever its caller allows. */
export const EXECUTE_CAP_MS = 30_000;

/** The claim under which a BEFORE_COMMIT callback runs; the callback may take a third of it (R16). */
export const CALLBACK_CLAIM_MS = 30_000;

/** So long a sidecar that takes up a chain by itself keeps the others from it: the longest that it needs (R23). */
export const LEASE_MS = EXECUTE_CAP_MS + CALLBACK_CLAIM_MS;

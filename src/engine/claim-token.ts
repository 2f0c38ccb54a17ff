import { parse, stringify } from "uuid";
import { Refusal } from "../domain/refusal.ts";
import type { ClaimRef } from "../store/end-claim.ts";

const UUID_BYTES = 16;

/** Proof of a claim: its id, which nobody else is told and nobody guesses, and whose chain it is. */
export function claimToken({ chainId, claimId }: ClaimRef): string {
  return Buffer.concat([parse(chainId), parse(claimId)]).toString("base64url");
}

/** @throws Refusal INVALID_REQUEST if no claim has such a token */
export function claimFromToken(token: string): ClaimRef {
  const bytes = Buffer.from(token, "base64url");
  if (bytes.length === 2 * UUID_BYTES && bytes.toString("base64url") === token) {
    try {
      return { chainId: stringify(bytes, 0), claimId: stringify(bytes, UUID_BYTES) };
    } catch {
      // Not two ids.
    }
  }
  const message = "is not a claim's token: pass on what Execute answered in claim.token";
  throw new Refusal("INVALID_REQUEST", `token ${message}.`, { problems: [{ field: "token", message }] });
}

import { Refusal } from "../domain/refusal.ts";

/** Of an RPC that the API has and this version does not carry out yet. */
export function notImplemented(what: string): Refusal {
  return new Refusal("NOT_IMPLEMENTED", `This version does not carry out ${what} yet.`, {
    metadata: { what },
  });
}

export async function refuseUnary(what: string): Promise<never> {
  throw notImplemented(what);
}

import { Code } from "@connectrpc/connect";

/** A code as gRPC spells it, such as `NOT_FOUND`. */
export function codeName(code: Code): string {
  // Connect spells it with one l.
  if (code === Code.Canceled) return "CANCELLED";
  return Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}

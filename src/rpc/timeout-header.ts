import type { IncomingHttpHeaders } from "node:http";

/** The longest delay that a timer of the platform can wait; it fires at once for anything longer. */
const MAX_DELAY_MS = 2 ** 31 - 1;
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/**
 * Makes timeout headers such that the libraries read them right: one that is longer than a timer can wait (24 days) is the
 * same as none, where they would end the call at once. One that is malformed becomes one that they refuse, where grpc-js
 * would take `-5S` for five seconds.
 */
export function normaliseTimeouts(headers: IncomingHttpHeaders): void {
  const grpc = headers["grpc-timeout"];
  if (typeof grpc === "string") {
    const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(grpc) ?? [];
    if (digits === undefined || unit === undefined) headers["grpc-timeout"] = "malformed";
    else if (Number(digits) * (UNIT_MS[unit] ?? 1) > MAX_DELAY_MS) delete headers["grpc-timeout"];
  }
  const connect = headers["connect-timeout-ms"];
  if (typeof connect === "string" && /^\d{1,10}$/.test(connect) && Number(connect) > MAX_DELAY_MS) {
    delete headers["connect-timeout-ms"];
  }
}

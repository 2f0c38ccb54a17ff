import { randomFillSync } from "node:crypto";
import { v7 } from "uuid";

/** Bytes of randomness in one id. */
const BYTES = 16;

/** Asking the system for randomness takes as long for one id as for hundreds, and longer than all else about an id. */
const pool = Buffer.alloc(256 * BYTES);
let used = pool.length;

/** A new UUIDv7. */
export function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.subarray(used, used + BYTES);
  used += BYTES;
  return v7({ random });
}

import { createHash } from "node:crypto";
import { canonicalMappings, type ResourceMapping } from "./resource-mapping.ts";

/**
 * The identity of a chain (R1): SHA-256 of the chain type and the set of its resource mappings.
 *
 * Every part is preceded by its length, so that no choice of names can make two different sets collide.
 */
export function chainKey(chainType: string, mappings: readonly ResourceMapping[]): Buffer {
  const hash = createHash("sha256");
  const add = (text: string) => {
    const bytes = Buffer.from(text);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  };
  add(chainType);
  for (const { resourceType, resourceId } of canonicalMappings(mappings)) {
    add(resourceType);
    add(resourceId);
  }
  return hash.digest();
}

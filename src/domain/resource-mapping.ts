/** One thing of the application that a chain is about. Both parts are compared byte for byte. */
export interface ResourceMapping {
  readonly resourceType: string;
  readonly resourceId: string;
}

/**
 * The set that a list of mappings stands for: sorted by UTF-8 bytes, without duplicates.
 *
 * JavaScript's own string order is by UTF-16 unit and would put U+FFFF after U+10000; replicas and other languages must
 * agree on one order.
 */
export function canonicalMappings(mappings: readonly ResourceMapping[]): ResourceMapping[] {
  const sorted = mappings
    .map(({ resourceType, resourceId }) => ({ resourceType, resourceId }))
    .sort((a, b) => compareUtf8(a.resourceType, b.resourceType) || compareUtf8(a.resourceId, b.resourceId));
  return sorted.filter((mapping, index) => {
    const former = sorted[index - 1];
    return former?.resourceType !== mapping.resourceType || former.resourceId !== mapping.resourceId;
  });
}

function compareUtf8(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/**
 * Tells other work of this sidecar that there is something for it, so that it need not wait for its next look. Nothing depends
 * on being told: other sidecars are not, and one that is told may die.
 */
export interface Hasten {
  /** A message lies in the outbox. */
  deliveries(): void;
  /** Events have been written that have no place in the stream yet. */
  positions(): void;
}

export const hastenNothing: Hasten = { deliveries: () => undefined, positions: () => undefined };

/** Where an AFTER_COMMIT delivery stands. */
export type DeliveryState = "PENDING" | "DELIVERED" | "DEAD";

export const DELIVERY_STATES: readonly DeliveryState[] = ["PENDING", "DELIVERED", "DEAD"];

/** What a delivery id says. */
export interface DeliveryKey {
  readonly chainId: string;
  /** That the move made. */
  readonly version: number;
  readonly transition: string;
}

/** A message of the outbox on its way to a callback. */
export interface Delivery extends DeliveryKey {
  readonly chainType: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  /** Of the last attempt that failed; empty if none did. */
  readonly lastError: string;
  /** Unset unless pending, and while it waits for an earlier delivery of its chain. */
  readonly nextAttemptTime?: Date | undefined;
  /** When the chain moved. */
  readonly createTime: Date;
  /** Where it was sent last; empty before the first attempt. */
  readonly endpoint: string;
}

/** Names one effect: the same at every repetition, different for any other move of any chain (R18). */
export function deliveryIdOf(chainId: string, version: number, transition: string): string {
  return `${chainId}/${version}/${transition}`;
}

/** Undefined for what is no delivery id. */
export function parseDeliveryId(id: string): DeliveryKey | undefined {
  const [, chainId, version, transition] =
    /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/([1-9]\d{0,14})\/([^\0]+)$/s.exec(id) ?? [];
  return chainId && version && transition ? { chainId, version: Number(version), transition } : undefined;
}

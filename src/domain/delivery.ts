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

/**
 * Names the effect of one move: the same at every repetition, on every replica, and different for any other move of any chain
 * (R18). At most 1000 bytes, all of them ASCII letters, digits and `-_:%`, so that it can go into headers, keys and signed
 * texts as it is.
 *
 * @param version the one that the move makes
 * @param transition a name of at most 255 bytes
 */
export function deliveryIdOf(chainId: string, version: number, transition: string): string {
  return `${chainId}:${version}:${escapeName(transition)}`;
}

function escapeName(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(
    /[!'()*.~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Undefined for what is no delivery id. */
export function parseDeliveryId(id: string): DeliveryKey | undefined {
  const [, chainId, version, name] =
    /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):([1-9]\d{0,14}):([\w%-]+)$/.exec(id) ?? [];
  const transition = name && unescapeName(name);
  // No name has U+0000, and the database cannot be asked for one.
  if (!transition || transition.includes("\0")) return undefined;
  return chainId && version ? { chainId, version: Number(version), transition } : undefined;
}

function unescapeName(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    // Bytes that are no text.
    return undefined;
  }
}

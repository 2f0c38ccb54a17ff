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

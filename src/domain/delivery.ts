/** Names one effect: the same at every repetition, different for any other move of any chain (R18). */
export function deliveryIdOf(chainId: string, version: number, transition: string): string {
  return `${chainId}/${version}/${transition}`;
}

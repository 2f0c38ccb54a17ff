/** A version beyond what a number holds exactly is no chain's: it stays one that cannot match. */
export function versionFromProto(version: bigint | undefined): number | undefined {
  return version === undefined ? undefined : Number(version);
}

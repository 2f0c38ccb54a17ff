/** What a user is told in one line. Anything else that is thrown is a bug and shows its stack. */
export class ReplayError extends Error {
  override readonly name = "ReplayError";
}

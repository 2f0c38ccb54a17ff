import { Refusal } from "../domain/refusal.ts";
import type { Call } from "./call.ts";

/**
 * How long a message of a stream may wait for its reader. The reader takes what its transport takes for it: with gRPC until its
 * flow-control window is full.
 */
export const READER_PATIENCE_MS = 60_000;

/**
 * The answers, as they are, until the reader leaves one lying for so long: then the call ends, and what the answers come from is
 * let go of. What lies in the transport still reaches the reader, and after it the refusal, with the cursor of the last.
 */
export async function* endingSlowReaders<T extends { readonly cursor: string }>(
  answers: AsyncIterable<T>,
  call: Call,
  patienceMs = READER_PATIENCE_MS,
): AsyncGenerator<T, void, undefined> {
  for await (const answer of answers) {
    const impatience = setTimeout(() => call.end(slowReader(answer.cursor, patienceMs)), patienceMs);
    try {
      yield answer;
    } finally {
      clearTimeout(impatience);
    }
  }
}

function slowReader(cursor: string, patienceMs: number): Refusal {
  const seconds = String(patienceMs / 1000);
  return new Refusal(
    "SLOW_READER",
    `Nothing was taken from the stream for ${seconds} s. Go on from the last cursor, ${cursor}, as soon as there is time to read.`,
    { metadata: { cursor, seconds } },
  );
}

/**
 * Works on at most `concurrency` items at a time, and takes one from the source only when there is room for it. The first error
 * ends it: nothing more is taken.
 */
export async function forEachConcurrently<T>(
  source: AsyncIterable<T>,
  concurrency: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const items = source[Symbol.asyncIterator]();
  let failed = false;
  const lane = async () => {
    try {
      for (let item = await items.next(); !item.done && !failed; item = await items.next())
        await work(item.value);
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  try {
    await Promise.all(Array.from({ length: concurrency }, lane));
  } finally {
    await items.return?.();
  }
}

/** Keeps what is used, and lets go of what has not been used for longest when there are too many. */
export interface RecentlyUsed<T> {
  get(key: string, make: () => T): T;
  /** Lets go of one, if it is still the one that is kept. */
  drop(key: string, value: T): void;
  clear(): void;
}

export function createRecentlyUsed<T>(most: number, letGo: (value: T) => void): RecentlyUsed<T> {
  // A Map keeps the order of insertion: the first is the one that was used least recently.
  const kept = new Map<string, T>();
  const remove = (key: string, value: T) => {
    kept.delete(key);
    letGo(value);
  };
  return {
    get(key, make) {
      const value = kept.get(key) ?? make();
      kept.delete(key);
      kept.set(key, value);
      const [oldest] = kept;
      if (kept.size > most && oldest) remove(...oldest);
      return value;
    },
    drop(key, value) {
      if (kept.get(key) === value) remove(key, value);
    },
    clear() {
      for (const [key, value] of kept) remove(key, value);
    },
  };
}

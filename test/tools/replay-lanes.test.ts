import { describe, expect, it } from "vitest";
import { forEachConcurrently } from "../../examples/replay/for-each-concurrently.ts";

/** Numbers from 0 on, that tell how many were taken and whether somebody closed them. */
function numbers(count: number) {
  const state = { taken: 0, closed: false };
  async function* source() {
    try {
      while (state.taken < count) yield state.taken++;
    } finally {
      state.closed = true;
    }
  }
  return { state, source: source() };
}

describe("working on cases at a time", () => {
  it("works on each once, on as many as allowed, and takes none before there is room", async () => {
    const { state, source } = numbers(50);
    const seen: number[] = [];
    let working = 0;
    let most = 0;

    await forEachConcurrently(source, 4, async (item) => {
      most = Math.max(most, ++working);
      expect(state.taken - seen.length).toBeLessThanOrEqual(4);
      await new Promise(setImmediate);
      seen.push(item);
      working--;
    });

    expect(seen.toSorted((one, other) => one - other)).toEqual(
      Array.from({ length: 50 }, (_, index) => index),
    );
    expect(most).toBe(4);
    expect(state.closed).toBe(true);
  });

  it("ends with the first error and takes nothing more", async () => {
    const { state, source } = numbers(1000);

    const working = forEachConcurrently(source, 4, async (item) => {
      await new Promise(setImmediate);
      if (item === 10) throw new Error("ten");
    });

    await expect(working).rejects.toThrow("ten");
    expect(state.taken).toBeLessThan(20);
    expect(state.closed).toBe(true);
  });

  it("ends with the source's own error", async () => {
    async function* broken() {
      yield 1;
      throw new Error("cut short");
    }
    await expect(forEachConcurrently(broken(), 4, async () => undefined)).rejects.toThrow("cut short");
  });
});
